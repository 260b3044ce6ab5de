import { describe, expect, it } from "vitest";
import { type MemoryHost, memoryHost } from "../../host/memory.ts";
import { catchPrinted } from "../testing.ts";
import { main } from "./main.ts";

const lines = catchPrinted();

const LOCAL = "/var/lib/rancher/k3os/config.yaml";

function machine(text: string, cmdline = "quiet"): MemoryHost {
  return memoryHost({
    files: {
      "/proc/cmdline": cmdline,
      [LOCAL]: text,
      "/usr/share/k3os/image.json": '{ "version": "1" }',
      "/run/k3os/mode": "live\n",
      "/proc/sys/kernel/hostname": "a\n",
      "/etc/passwd": "rancher:x:1000:1000::/home/rancher:/bin/bash\n",
      "/etc/shadow": "rancher:*::\n",
      "/etc/group": "rancher:x:1000:\n",
    },
  });
}

async function config(host: MemoryHost, ...args: string[]) {
  const status = await main(host, ["config", ...args]);
  return { status, out: lines.join("\n"), err: host.warned.join("") };
}

const TEXT =
  "k3os:\n  token: hunter2\n  environment: { HTTP_PROXY: http://p }\n  label: { zone: a }\n  install: { silent: true }\n";

describe("k3os config", () => {
  it("shows the merged value without secrets", async () => {
    const { status, out } = await config(machine(TEXT, "hostname=a"));
    expect(status).toBe(0);
    expect(out).toBe(
      "hostname: a\nk3os:\n  token: (hidden)\n  labels:\n    zone: a\n  environment:\n    HTTP_PROXY: http://p\n  install:\n    silent: true",
    );
  });

  it("shows it to scripts, with where it comes from", async () => {
    const { out } = await config(machine(TEXT), "--json", "--plan");
    const shown = JSON.parse(out);
    expect(shown).toMatchObject({
      config: { k3os: { token: "(hidden)", labels: { zone: "a" } } },
      provenance: { "k3os.token": { layer: LOCAL, line: 2, column: 3, overrides: [] } },
      ...{ problems: [], rejected: [] },
    });
    expect(shown.plan).toContain("set HTTP_PROXY in /etc/environment");
    expect(out).not.toContain("hunter2");
  });

  it("dumps it as old k3OS did: with secrets, without install, names of maps as they are", async () => {
    const host = machine(TEXT);
    expect((await config(host, "--dump")).out).toBe(
      "k3os:\n  token: hunter2\n  labels:\n    zone: a\n  environment:\n    HTTP_PROXY: http://p",
    );
    lines.length = 0;
    expect(JSON.parse((await config(host, "--dump-json")).out)).toEqual({
      k3os: { token: "hunter2", labels: { zone: "a" }, environment: { HTTP_PROXY: "http://p" } },
    });
    lines.length = 0;
    expect((await config(machine("k3os: { install: { silent: true } }"), "--dump")).out).toBe("{}");
  });

  it.each([
    ["hostname", `hostname comes from ${LOCAL}:1:1\n  instead of /proc/cmdline:1:1`],
    ["k3os.serverURL", `k3os.server_url comes from ${LOCAL}:2:9`],
    ["k3os.label.zone", `k3os.labels comes from ${LOCAL}:2:31`],
    ["k3o", `k3os.server_url comes from ${LOCAL}:2:9\nk3os.labels comes from ${LOCAL}:2:31`],
  ])("says why %s is what it is", async (key, want) => {
    const host = machine("hostname: b\nk3os: { serverurl: https://a, label: { zone: a } }", "hostname=a");
    expect(await config(host, "--why", key)).toMatchObject({ status: 0, out: want });
  });

  it("names the MachineConfig that a value comes from", async () => {
    const host = machine("k3os: { labels: { zone: a } }");
    const text = "k3os:\n  labels: { rack: b }\n  timezone: UTC\n";
    const layer = { format: 1, revision: "sha256:1", parts: [{ name: "20-mirror", generation: 1, text }] };
    host.write("/var/lib/rancher/k3os/cluster.json", JSON.stringify(layer));
    const want = `k3os.labels comes from ${LOCAL}:1:9\n  and from MachineConfig 20-mirror\nk3os.timezone comes from MachineConfig 20-mirror`;
    expect(await config(host, "--why", "k3os")).toMatchObject({ status: 0, out: want });
    lines.length = 0;
    expect((await config(host)).out).toContain("zone: a\n    rack: b");
  });

  it.each([
    ["k3os.tokn", "there is no key k3os.tokn"],
    ["k3os.token", "no layer says anything about k3os.token"],
  ])("knows when there is nothing to say about %s", async (key, want) => {
    const { status, err } = await config(machine("hostname: b\n"), "--why", key);
    expect(status).toBe(2);
    expect(err).toContain(want);
    expect(err).toContain("Keys that are set: hostname.");
  });

  it("shows a rejected layer's errors with their place, and fails", async () => {
    const { status, out, err } = await config(machine("hostname: a_b\n", "hostname=a"));
    expect({ status, out }).toEqual({ status: 1, out: "hostname: a" });
    expect(err).toMatch(/config\.yaml:1:11 hostname: expected a host name, got "a_b"\n 1 \| hostname: a_b\n/);
  });
});
