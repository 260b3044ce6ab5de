import { describe, expect, it } from "vitest";
import { plan } from "../index.ts";
import { loadText } from "../testing.ts";
import { proxyVariables } from "./proxy.ts";

const variables = (text: string) => proxyVariables(loadText(text).config);
const direct = (text: string) => variables(`k3os: { proxy: { http: http://p }, ${text} }`).NO_PROXY?.split(",");

describe("the variables of a proxy", () => {
  it("are there in both spellings, https with the proxy of http unless it has one of its own", () => {
    expect(variables("k3os: { proxy: { http: http://p:1 } }")).toMatchObject({
      ...{ HTTP_PROXY: "http://p:1", http_proxy: "http://p:1", HTTPS_PROXY: "http://p:1", https_proxy: "http://p:1" },
    });
    const both = variables("k3os: { proxy: { http: http://p:1, https: http://q:1 } }");
    expect(both).toMatchObject({ HTTP_PROXY: "http://p:1", HTTPS_PROXY: "http://q:1" });
    expect(Object.keys(variables("k3os: { proxy: { https: http://q:1 } }")).sort()).toEqual(
      ["HTTPS_PROXY", "NO_PROXY", "https_proxy", "no_proxy"].sort(),
    );
  });

  it("are not there without one", () => {
    expect(variables("k3os: { proxy: { no_proxy: [a] } }")).toEqual({});
    expect(variables("")).toEqual({});
  });

  it("let the cluster, private addresses, the machine and its server be reached directly", () => {
    expect(direct("")).toEqual(
      expect.arrayContaining(["10.42.0.0/16", "10.43.0.0/16", ".svc", ".cluster.local", "127.0.0.0/8"]),
    );
    expect(direct("server_url: 'https://[2001:db8::1]:6443'")).toContain("2001:db8::1");
    expect(direct("server_url: https://k3s.example.com:6443")).toContain("k3s.example.com");
    expect(direct("k3s_args: [server, --cluster-cidr=10.1.0.0/16, --service-cidr, 10.2.0.0/16]")).toEqual(
      expect.arrayContaining(["10.1.0.0/16", "10.2.0.0/16"]),
    );
    expect(variables("hostname: node-1\nk3os: { proxy: { http: http://p, no_proxy: 'a,b' } }").no_proxy).toMatch(
      /,node-1,a,b$/,
    );
  });

  it("reach k3s and the shells, and give way to the user's own", () => {
    const { config } = loadText("k3os: { proxy: { http: http://p }, environment: { HTTP_PROXY: http://mine } }");
    const steps = plan(config, { mode: "live", version: "1" });
    for (const kind of ["k3s", "environment"]) {
      const step = steps.find((one) => one.kind === kind);
      const set = step?.kind === "k3s" ? step.environment : step?.kind === "environment" ? step.variables : {};
      expect(set).toMatchObject({ HTTP_PROXY: "http://mine", HTTPS_PROXY: "http://p", https_proxy: "http://p" });
    }
  });

  it("are k3s's alone if they have a password", () => {
    const steps = plan(loadText("k3os: { proxy: { http: 'http://me:pw@p' } }").config, { mode: "live", version: "1" });
    expect(steps.find(({ kind }) => kind === "k3s")).toMatchObject({ environment: { http_proxy: "http://me:pw@p" } });
    const shells = steps.find(({ kind }) => kind === "environment");
    expect(shells?.kind === "environment" && Object.keys(shells.variables)).toEqual(["NO_PROXY", "no_proxy"]);
  });
});
