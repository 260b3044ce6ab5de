import { describe, expect, it } from "vitest";
import type { Config } from "../config/index.ts";
import { asMember, machineIn, withoutMachine } from "./member.ts";

describe("a member over a database", () => {
  const argsOf = (k3os: Config["k3os"], joins?: string, role: "server" | "agent" = "server") =>
    asMember({ k3os: k3os ?? {} }, { role, token: "t", joins, several: true, flags: [] }).k3os;
  const url = "https://10.0.0.1:6443";

  it.each<[string, Config["k3os"]]>([
    ["a variable", { environment: { K3S_DATASTORE_ENDPOINT: "postgres://u:p@10.0.0.9/k3s" } }],
    ["an argument", { k3s_args: ["--datastore-endpoint=postgres://u:p@10.0.0.9/k3s"] }],
    ["two words", { k3s_args: ["--datastore-endpoint", "postgres://u:p@10.0.0.9/k3s"] }],
  ])("that %s names neither begins nor joins etcd", (_, k3os) => {
    const own = k3os?.k3s_args ?? [];
    expect(argsOf(k3os)?.k3s_args).toEqual(["server", ...own]);
    expect(argsOf(k3os, url)?.k3s_args).toEqual(["server", ...own]);
    expect(argsOf(k3os, url, "agent")).toMatchObject({ server_url: url });
  });

  it("is none without one", () => {
    for (const K3S_DATASTORE_ENDPOINT of ["", "sqlite", "sqlite:///a.db"]) {
      expect(argsOf({ environment: { K3S_DATASTORE_ENDPOINT } })?.k3s_args).toEqual(["server", "--cluster-init"]);
    }
    expect(argsOf({ k3s_args: ["--datastore-cafile=/x"] }, url)?.k3s_args).toContain(`--server=${url}`);
  });
});

describe("an argument for one machine", () => {
  it.each([
    ...["--node-ip", "-i", "--node-external-ip", "--flannel-iface", "--advertise-address", "--bind-address"],
    ...["--node-internal-dns", "--node-external-dns"],
  ])("is %s, with its value", (flag) => {
    expect(machineIn(["--disable=coredns", `${flag}=x`])).toBe(flag);
    expect(withoutMachine(["--a=b", `${flag}=x`, flag, "x", `${flag} x`, "--c"])).toEqual(["--a=b", "--c"]);
  });

  it("is none that begins like one", () => {
    expect(machineIn(["--node-ip-range=x", "--flannel-iface-regex", "--flannel-backend=vxlan"])).toBeUndefined();
  });
});
