import { describe, expect, it } from "vitest";
import { utf8 } from "./bytes.ts";
import { describeStep, plan } from "./index.ts";
import { FACTS, KEY, SYSTEM, steps, WHOLE } from "./plan.cases.ts";
import { loadText } from "./testing.ts";

/** The steps without the one for k3s, which is always there. */
const others = (text: string) => steps(text).filter(({ kind }) => kind !== "k3s");
const k3s = (text: string) => steps(text).find((step) => step.kind === "k3s");

describe("a plan", () => {
  it("has the steps of every key, in the order in which they are applied", () => {
    expect(steps(WHOLE)).toEqual([
      { phase: "init", kind: "command", list: "init_cmd", index: 0, command: "first" },
      { phase: "boot", kind: "module", name: "nbd", parameters: ["nbds_max=16"] },
      {
        ...{ phase: "boot", kind: "mount", device: "/dev/vdb", path: "/mnt/data" },
        ...{ format: true, options: "noatime" },
      },
      { phase: "boot", kind: "sysctl", key: "kernel.printk", value: "4 4 1 7" },
      { phase: "boot", kind: "hostname", name: "node-1" },
      { phase: "boot", kind: "timezone", zone: "Europe/Berlin" },
      { phase: "boot", kind: "dns", nameservers: ["1.1.1.1", "::1"], search: [], complete: false },
      { phase: "boot", kind: "ntp", servers: ["pool.ntp.org"] },
      { phase: "boot", kind: "password", user: "rancher", password: "rancher", hashed: false },
      {
        ...{ phase: "boot", kind: "authorized-keys", user: "rancher", keys: [KEY] },
        urls: ["https://github.com/octocat.keys"],
      },
      {
        ...{ phase: "runtime", kind: "remote-keys", user: "rancher", keys: [KEY] },
        sources: [{ source: "github:octocat", url: "https://github.com/octocat.keys" }],
      },
      { phase: "boot", kind: "account", user: "ada", shell: "/bin/bash", groups: ["adm", "sudo"], sudo: true },
      { phase: "boot", kind: "password", user: "ada", password: "*", hashed: true },
      {
        ...{ phase: "boot", kind: "authorized-keys", user: "ada", keys: [KEY] },
        urls: ["https://github.com/ada.keys"],
      },
      {
        ...{ phase: "runtime", kind: "remote-keys", user: "ada", keys: [KEY] },
        sources: [{ source: "github:ada", url: "https://github.com/ada.keys" }],
      },
      {
        phase: "boot",
        kind: "k3s",
        role: "agent",
        args: [
          "--node-ip=10.0.0.2",
          "--node-label=app=a",
          ...SYSTEM,
          "--node-label=zone=b",
          "--node-taint=dedicated=db:NoSchedule",
        ],
        environment: { HTTPS_PROXY: "http://proxy", K3S_TOKEN: "s3cret", K3S_URL: "https://10.0.0.1:6443" },
      },
      {
        ...{ phase: "boot", kind: "registries" },
        content: "mirrors:\n  docker.io:\n    endpoint:\n      - https://mirror\n",
      },
      { phase: "boot", kind: "file", path: "/etc/motd", content: "Welcome", mode: 0o644 },
      {
        phase: "boot",
        kind: "file",
        path: "/opt/tool",
        content: new Uint8Array([0x1f, 0x8b, 8, 0]),
        mode: 0o755,
        encoding: "gzip",
        owner: "rancher",
      },
      { phase: "boot", kind: "environment", variables: { HTTPS_PROXY: "http://proxy" } },
      { phase: "boot", kind: "command", list: "boot_cmd", index: 0, command: "second" },
      { phase: "boot", kind: "command", list: "boot_cmd", index: 1, command: "third" },
      { phase: "runtime", kind: "command", list: "run_cmd", index: 0, command: "fourth" },
    ]);
  });

  it("puts manifests where a server finds them, and nowhere on an agent", () => {
    const manifests = "[{ name: a, content: x }, { name: b.yml, url: https://host/b }]";
    expect(others(`k3os: { manifests: ${manifests} }`)).toEqual([
      { phase: "boot", kind: "manifest", name: "a.yaml", content: "x" },
      { phase: "runtime", kind: "remote-manifest", name: "b.yml", url: "https://host/b" },
    ]);
    expect(others(`k3os: { server_url: https://a, manifests: ${manifests} }`)).toEqual([]);
  });

  it("of an empty config is a server", () => {
    expect(steps("")).toEqual([{ phase: "boot", kind: "k3s", role: "server", args: SYSTEM, environment: {} }]);
  });

  const roles: [what: string, config: string, role: string, args: string[]][] = [
    ["server_url makes an agent", "server_url: https://a", "agent", []],
    ["k3s_args have the last word", "{ server_url: https://a, k3s_args: [server, -v] }", "server", ["-v"]],
    ["an agent by argument", "k3s_args: [agent]", "agent", []],
    ["flags only", "k3s_args: [--disable=a]", "server", ["--disable=a"]],
    ["one text", "k3s_args: server --disable traefik", "server", ["--disable", "traefik"]],
    ["flag and value in one entry", "k3s_args: [server, --disable traefik]", "server", ["--disable", "traefik"]],
    ["a value with spaces", "k3s_args: ['--kubelet-arg=a b']", "server", ["--kubelet-arg=a b"]],
    [
      "removed flags",
      "k3s_args: [--no-deploy, a, --no-deploy=b, --cluster-secret=c]",
      "server",
      ["--disable", "a", "--disable=b", "--token=c"],
    ],
  ];
  it.each(roles)("%s", (_, config, role, args) => {
    expect(k3s(`k3os: ${config.startsWith("{") ? config : `{ ${config} }`}`)).toMatchObject({
      role,
      args: [...args, ...SYSTEM],
    });
  });

  it("gives a token by environment, whatever it looks like", () => {
    for (const token of ["K10abc::server:x", "plain"]) {
      expect(k3s(`k3os: { token: "${token}" }`)).toMatchObject({ environment: { K3S_TOKEN: token } });
    }
  });

  it("gives the node the name that Kubernetes knows it by, unless the config has one", () => {
    const named = (config: string) =>
      plan(loadText(config).config, { ...FACTS, nodeName: "first" }).flatMap((step) =>
        step.kind === "k3s" ? step.args : [],
      );
    expect(named("hostname: second")).toContain("--node-name=first");
    for (const own of ["--node-name=a", "[--node-name, a]"])
      expect(named(`k3os: { k3s_args: ${own} }`)).not.toContain("--node-name=first");
  });

  it("does not let a config pretend another mode or version", () => {
    expect(k3s("k3os: { labels: { k3os.io/mode: x } }")).toMatchObject({ args: SYSTEM });
  });

  it("tells plain passwords from hashes", () => {
    expect(others("k3os: { password: $6$a$b }")).toMatchObject([{ password: "$6$a$b", hashed: true }]);
  });

  it("splits keys that come in one text, and knows them only once", () => {
    expect(
      others(`ssh_authorized_keys:\n- |\n  ${KEY}\n  # not this\n  gitlab:a\n- ${KEY}\n- https://a/b.keys`),
    ).toMatchObject([
      { kind: "authorized-keys", keys: [KEY] },
      { kind: "remote-keys", sources: [{ url: "https://gitlab.com/a.keys" }, { url: "https://a/b.keys" }] },
    ]);
  });

  it("writes the last of several files with one path", () => {
    const files = "write_files: [{ path: /a, content: 1 }, { path: /b }, { path: /a, content: 2 }]";
    expect(others(files)).toMatchObject([
      { path: "/b", content: "" },
      { path: "/a", content: "2" },
    ]);
  });

  it("decodes base64, keeps gzip for the node, and reads all notations of permissions", () => {
    const one = (rest: string) => others(`write_files: [{ path: /a, ${rest} }]`)[0];
    expect(one("content: aGk=, encoding: b64")).toMatchObject({ content: utf8("hi") });
    expect(one("content: aGk=")).toMatchObject({ content: "aGk=" });
    expect(one('content: "\\x1f\\x8b", encoding: gzip')).toMatchObject({
      content: new Uint8Array([0x1f, 0x8b]),
      encoding: "gzip",
    });
    expect(["644", "0644", "0o644"].map((mode) => one(`permissions: ${mode}`))).toMatchObject(
      Array(3).fill({ mode: 0o644 }),
    );
  });

  it("tells secrets of the environment to k3s alone", () => {
    const found = steps(`
write_files: [{ path: /etc/environment, content: "B=2" }]
k3os:
  environment: { A: "1", AWS_SECRET_ACCESS_KEY: x, K3S_DATASTORE_ENDPOINT: a, DB: "mysql://me:pw@tcp(10.0.0.1)/k3s" }
`);
    const k3s = found.find(({ kind }) => kind === "k3s");
    expect(k3s?.kind === "k3s" && Object.keys(k3s.environment)).toEqual([
      ...["A", "AWS_SECRET_ACCESS_KEY", "K3S_DATASTORE_ENDPOINT", "DB"],
    ]);
    expect(found.find(({ kind }) => kind === "environment")).toMatchObject({ variables: { A: "1" } });
    expect(found.find(({ kind }) => kind === "file")).toMatchObject({ content: "B=2\nA=1\n" });
    const secret = steps("k3os: { environment: { MY_TOKEN: x } }");
    expect(secret.map(({ kind }) => kind)).not.toContain("environment");
  });

  it("is described without secrets", () => {
    const lines = steps(`${WHOLE.replace("[--node-ip=10.0.0.2]", "[--token, hunter2, --agent-token=hunter2]")}`).map(
      describeStep,
    );
    expect(lines.join("\n")).toMatchInlineSnapshot(`
      "run init_cmd[0]
      load module nbd nbds_max=16
      mount /dev/vdb on /mnt/data, made if it is empty
      set sysctl kernel.printk = 4 4 1 7
      set host name node-1
      use time zone Europe/Berlin
      use name servers 1.1.1.1 ::1
      use time servers pool.ntp.org
      set password of rancher
      let 1 key log in as rancher
      let the keys of github:octocat log in as rancher
      make the account ada, which may become root
      let nobody log in as ada by password
      let 1 key log in as ada
      let the keys of github:ada log in as ada
      configure k3s agent --token (hidden) --agent-token=(hidden) --node-label=app=a --node-label=k3os.io/mode=live --node-label=k3os.io/version=v0.30.0 --node-label=zone=b --node-taint=dedicated=db:NoSchedule
      configure the registries that images come from
      write /etc/motd (0644)
      write /opt/tool (0755)
      set HTTPS_PROXY in /etc/environment
      run boot_cmd[0]
      run boot_cmd[1]
      run run_cmd[0]"
    `);
  });
});
