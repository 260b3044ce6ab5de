import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { load } from "../config/index.ts";
import { mediumConfigs, withoutAddress } from "./media.ts";
import { type ClusterFile, type FindManifests, isClusterText, readCluster } from "./read.ts";

const none: FindManifests = () => [];
const read = (text: string, find = none) => readCluster({ path: "cluster.yaml", text }, find);

/** The problems as `line:column severity path: message`. */
function told(text: string, find = none): string[] {
  return read(text, find).problems.map(
    ({ layer, line, column, severity, path, message }) =>
      `${layer === "cluster.yaml" ? "" : `${layer}:`}${line}:${column} ${severity} ${path}: ${message}`,
  );
}

function right(text: string, find = none): ClusterFile {
  const { cluster, problems } = read(text, find);
  if (cluster === undefined) throw new Error(JSON.stringify(problems));
  return cluster;
}

const NODES = "nodes:\n- { name: a, role: server }\n- { name: b, role: agent }\n";

const EXAMPLES = join(import.meta.dirname, "../../examples");

describe("a cluster file", () => {
  it("is told from a config.yaml by its keys", () => {
    expect(isClusterText(`name: c\n${NODES}`)).toBe(true);
    expect(isClusterText("config: {}\n")).toBe(true);
    expect(isClusterText(readFileSync(join(EXAMPLES, "everything.yaml"), "utf8"))).toBe(false);
    expect(isClusterText("")).toBe(false);
  });

  it("examples/cluster.yaml is right, with configs that a node takes", () => {
    const manifest = {
      path: "manifests/pools.yaml",
      text: readFileSync(join(EXAMPLES, "manifests/pools.yaml"), "utf8"),
    };
    const text = readFileSync(join(EXAMPLES, "cluster.yaml"), "utf8");
    expect(told(text, () => [manifest])).toEqual([]);
    for (const { text: config } of mediumConfigs(
      right(text, () => [manifest]),
      "secret",
    ))
      expect(load([{ name: "config.yaml", kind: "system", text: config }], { strict: true }).problems).toEqual([]);
  });

  it("gives each node the config of all, with its own merged into it by key", () => {
    const { nodes } = right(`name: c
config:
  k3os:
    labels: { site: home, zone: a }
    timezone: Europe/Berlin
    k3s_args: [--disable=coredns]
    manifests: [{ name: inline, content: x }]
nodes:
- name: a
  role: server
  config: { k3os: { labels: { zone: b } } }
- name: b
  role: server
- name: c
  role: agent
  config: { k3os: { timezone: ~, k3s_args: [--snapshotter=native] } }
  vm: { memory: 1G, cpus: 1, disk: 10G }
`);
    const [a, b, c] = nodes.map(({ config }) => config);
    expect(a).toMatchObject({
      hostname: "a",
      k3os: { labels: { site: "home", zone: "b" }, timezone: "Europe/Berlin" },
    });
    expect([a, b, c].map((config) => config?.k3os?.k3s_args)).toEqual([
      ["--disable=coredns"],
      ["--disable=coredns"],
      ["--snapshotter=native"],
    ]);
    expect([a, b, c].map((config) => config?.k3os?.manifests?.length)).toEqual([1, undefined, undefined]);
    expect(c?.k3os?.timezone).toBeUndefined();
    expect(nodes[2]?.vm).toEqual({ memoryMiB: 1024, cpus: 1, diskMiB: 10_240 });
  });

  it("puts the manifests into the config of the first server", () => {
    const manifest = { path: "m/app.yaml", text: "apiVersion: v1\nkind: Namespace\nmetadata: { name: app }\n" };
    const { nodes } = right(`name: c\n${NODES}manifests: [m/*.yaml]\n`, () => [manifest]);
    expect(nodes.map(({ config }) => config.k3os?.manifests)).toEqual([
      [{ name: "app", content: manifest.text }],
      undefined,
    ]);
  });

  it.each([
    ["nothing", "", ["1:1 error name: expected this key, got none", "1:1 error nodes: expected this key, got none"]],
    [
      "keys without values",
      "name: ~\nnodes:\n",
      ["1:1 error name: expected a value, got nothing", "2:1 error nodes: expected a value, got nothing"],
    ],
    ["a text", "hello\n", ["1:1 error : expected keys with values, got a text"]],
    ["an unknown key", `name: c\nnods: x\n${NODES}`, ["2:1 error nods: unknown key"]],
    [
      "an unknown key of a config",
      `name: c\n${NODES}config:\n  k3os: { labls: {} }\n`,
      ["6:11 error config.k3os.labls: unknown key of `config.k3os`"],
    ],
    [
      "two nodes of one name",
      "name: c\nnodes:\n- { name: a, role: server }\n- { name: a, role: agent }\n",
      ['4:3 error nodes[1].name: expected another name for each, got "a" again'],
    ],
    [
      "agents without a server",
      "name: c\nnodes: [{ name: a, role: agent }]\n",
      ["2:1 error nodes: expected a server among the nodes, got one agent"],
    ],
    ["no node", "name: c\nnodes: []\n", ["2:1 error nodes: expected a server among the nodes, got no node"]],
    [
      "an even number of servers",
      "name: c\nnodes: [{ name: a, role: server }, { name: b, role: server }]\n",
      ["2:1 warning nodes: expected an odd number of servers, got 2"],
    ],
    [
      "an even number of servers, and what does not go together once merged",
      `name: c
config: { k3os: { upgrade: { stable_for: 8m } } }
nodes: [{ name: a, role: server, config: { k3os: { upgrade: { deadline: 2m } } } }, { name: b, role: server }]
`,
      [
        "3:1 warning nodes: expected an odd number of servers, got 2",
        "3:9 error nodes[0].config: merged with `config`, `k3os.upgrade.stable_for` is refused: expected less than the deadline, 2m, got 8m",
      ],
    ],
    [
      "a role that is none",
      "name: c\nnodes: [{ name: a, role: worker }]\n",
      ['2:26 error nodes[0].role: expected `server` or `agent`, got "worker"'],
    ],
    [
      "a node without a role",
      "name: c\nnodes: [{ name: a }]\n",
      ["2:9 error nodes[0].role: expected this key, got none"],
    ],
    [
      "a name that is too long with that of the cluster",
      `name: ${"c".repeat(40)}\nnodes: [{ name: ${"a".repeat(40)}, role: server }]\n`,
      [
        "2:11 error nodes[0].name: expected a name that has at most 63 letters with that of the cluster before it, got 81",
      ],
    ],
    [
      "an address of two nodes",
      "name: c\nnodes:\n- { name: a, role: server, address: 10.0.0.1 }\n- { name: b, role: agent, address: 10.0.0.1 }\n",
      ["4:27 error nodes[1].address: expected an address of its own, got that of a"],
    ],
    [
      "an address with a prefix",
      "name: c\nnodes: [{ name: a, role: server, address: 10.0.0.1/24 }]\n",
      ['2:43 error nodes[0].address: expected an IP address or a host name, got "10.0.0.1/24"'],
    ],
    [
      "too little memory",
      "name: c\nnodes: [{ name: a, role: server, vm: { memory: 12 } }]\n",
      ['2:48 error nodes[0].vm.memory: expected an amount of memory, 512M or more, got "12"'],
    ],
    [
      "what the file says elsewhere",
      `name: c\n${NODES}config:\n  hostname: x\n  k3os:\n    token: t\n    server_url: https://a\n    k3s_args: [server]\n`,
      [
        "6:3 error config.hostname: expected no host name here, got one",
        "8:5 error config.k3os.token: expected no token here, got one",
        "9:5 error config.k3os.server_url: expected no server to join here, got one",
        "10:5 error config.k3os.k3s_args: expected arguments that make no member, got `server`",
      ],
    ],
    [
      "an address in the arguments of all",
      `name: c\n${NODES}config: { k3os: { k3s_args: [--node-ip=10.0.0.1] } }\n`,
      ["5:19 error config.k3os.k3s_args: expected arguments for all servers, got `--node-ip`"],
    ],
    [
      "layers that contradict each other",
      `name: c
config: { k3os: { users: [{ name: ada, password: a }], proxy: {} } }
nodes:
- name: a
  role: server
  config: { k3os: { manifests: [{ name: m, url: "https://a/b.yaml" }] } }
manifests: [m.yaml]
`,
      ["7:13 error manifests[0]: expected manifests of different names, got `m` from `k3os.manifests` and m.yaml"],
    ],
  ])("with %s is refused, at its place", (_, text, problems) => {
    const found: FindManifests = (path) => [{ path, text: "apiVersion: v1\nkind: Namespace\n" }];
    expect(told(text, found)).toEqual(problems);
  });

  it.each([
    ["no file", [], '5:13 error manifests[0]: expected files, got none for "m/*.yaml"'],
    ["no YAML", [{ path: "m/a.yaml", text: "a: b\n\tc: d\n" }], "m/a.yaml:2:1 error : "],
    [
      "no object of Kubernetes",
      [{ path: "m/a.yaml", text: "apiVersion: v1\nkind: Namespace\n---\nkind: Namespace\n" }],
      "m/a.yaml:4:1 error : expected a Kubernetes object, got one without apiVersion",
    ],
    [
      "an alias without an anchor",
      [{ path: "m/a.yaml", text: "apiVersion: v1\nkind: Namespace\nmetadata: *none\n" }],
      "m/a.yaml:3:11 error : expected the name of an anchor",
    ],
    [
      "a nesting too deep",
      [{ path: "m/a.yaml", text: "[".repeat(100_000) }],
      "m/a.yaml:1:1 error : expected a Kubernetes object, got one nested too deep",
    ],
    ["nothing in it", [{ path: "m/a.yaml", text: "# later\n" }], "m/a.yaml:1:1 error : expected a Kubernetes object"],
    [
      "a name that no file of a server has",
      [{ path: "m/a b.yaml", text: "apiVersion: v1\nkind: Namespace\n" }],
      "5:13 error manifests[0]: expected the name of a file",
    ],
  ])("with a manifest of which there is %s is refused, at its place", (_, files, problem) => {
    const [first = "", ...others] = told(`name: c\n${NODES}manifests: [m/*.yaml]\n`, () => files);
    expect(first.startsWith(problem), first).toBe(true);
    expect(others).toEqual([]);
  });

  it("never shows a secret", () => {
    const { problems } = read(`name: c\ntoken: very secret\n${NODES}config: { k3os: { token: very-secret } }\n`);
    expect(problems.length).toBeGreaterThan(0);
    expect(JSON.stringify(problems)).not.toMatch(/very.secret/);
  });

  it("never throws, whatever it is", () => {
    const words = fc.constantFrom("name", "nodes", "config", ":", "-", "{", "}", "[", "]", "\n", " ", "a", "role", "~");
    fc.assert(fc.property(fc.array(words), (text) => void read(text.join(""))));
    const manifestWords = fc.constantFrom(
      "apiVersion: v1\n",
      "kind: A\n",
      "*a",
      "&a ",
      "[",
      "]",
      "{",
      "}",
      "a: ",
      "---\n",
    );
    fc.assert(
      fc.property(fc.array(manifestWords), (text) => {
        read(`name: c\n${NODES}manifests: [a.yaml]\n`, () => [{ path: "a.yaml", text: text.join("") }]);
      }),
    );
    fc.assert(
      fc.property(
        fc.string(),
        (text) => void read(`name: c\n${NODES}manifests: [a.yaml]\n`, () => [{ path: "a.yaml", text }]),
      ),
    );
  });
});

describe("the config on a medium", () => {
  const file = (servers: number) =>
    right(`name: c
nodes:
- { name: a, role: server, address: 192.168.1.11 }
${servers > 1 ? "- { name: b, role: server, address: b.example.com }\n- { name: c, role: server }\n" : ""}- { name: w, role: agent }
`);
  const k3os = (servers: number) =>
    mediumConfigs(file(servers), "secret").map(
      ({ text }) => load([{ name: "config.yaml", kind: "system", text }], { strict: true }).config.k3os,
    );

  it("begins a cluster and joins it", () => {
    expect(k3os(1)).toEqual([
      { token: "secret", k3s_args: ["server", "--tls-san=192.168.1.11"] },
      { token: "secret", server_url: "https://192.168.1.11:6443", k3s_args: ["agent"] },
    ]);
    expect(k3os(3).map((each) => each?.k3s_args)).toEqual([
      ["server", "--tls-san=192.168.1.11", "--cluster-init"],
      ["server", "--tls-san=b.example.com", "--server=https://192.168.1.11:6443"],
      ["server", "--server=https://192.168.1.11:6443"],
      ["agent"],
    ]);
  });

  it("needs an address if anybody joins", () => {
    const { cluster, complain } = read(`name: c\n${NODES}`);
    if (cluster === undefined) throw new Error("it is right");
    const problem = withoutAddress(cluster, complain);
    expect(problem).toMatchObject({ line: 3, column: 5, path: "nodes[0].name", severity: "error" });
    expect(problem?.message).toContain("expected an `address`");
    const alone = read("name: c\nnodes: [{ name: a, role: server }]\n");
    expect(alone.cluster && withoutAddress(alone.cluster, alone.complain)).toBeUndefined();
  });
});
