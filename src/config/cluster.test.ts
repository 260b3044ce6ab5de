import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mergeByKey, type Patch } from "./merge.ts";
import { schema } from "./schema.ts";
import { loadAll, loadText, told } from "./testing.ts";

const cluster = (text: string, name = "MachineConfig 20-mirror") => ({ name, kind: "cluster" as const, text });

describe("a layer of the cluster", () => {
  it("is merged into the node's own config by key", () => {
    const { config } = loadAll(
      "k3os: { sysctls: { vm.swappiness: 1, vm.max_map_count: 2 }, labels: { a: b } }",
      cluster("k3os: { sysctls: { vm.swappiness: 10 }, labels: { c: d }, timezone: UTC }"),
    );
    expect(config.k3os).toEqual({
      sysctls: { "vm.swappiness": "10", "vm.max_map_count": "2" },
      labels: { a: "b", c: "d" },
      timezone: "UTC",
    });
  });

  it("replaces the items of a list that have its keys, and adds the others", () => {
    const { config } = loadAll(
      "write_files: [{ path: /a, content: old, owner: rancher }, { path: /b, content: b }]\nk3os: { ntp_servers: [a, b] }",
      cluster("write_files: [{ path: /a, content: new }, { path: /c, content: c }]\nk3os: { ntp_servers: [b, c] }"),
    );
    expect(config.write_files).toEqual([
      { path: "/a", content: "new" },
      { path: "/b", content: "b" },
      { path: "/c", content: "c" },
    ]);
    expect(config.k3os?.ntp_servers).toEqual(["a", "b", "c"]);
  });

  it("adds flags of k3s with their values", () => {
    const { config } = loadAll(
      "k3os: { k3s_args: [server, --kubelet-arg, a=1] }",
      cluster("k3os: { k3s_args: [--kubelet-arg, b=2, --kubelet-arg, a=1, --disable=x] }"),
    );
    expect(config.k3os?.k3s_args).toEqual(["server", "--kubelet-arg", "a=1", "--kubelet-arg", "b=2", "--disable=x"]);
  });

  it("merges settings of one registry", () => {
    const { config } = loadAll(
      "k3os: { registries: { mirrors: { docker.io: { endpoint: [https://own] } } } }",
      cluster("k3os: { registries: { mirrors: { docker.io: { endpoint: [https://all] }, '*': {} } } }"),
    );
    expect(config.k3os?.registries?.mirrors).toEqual({
      "docker.io": { endpoint: ["https://own", "https://all"] },
      "*": {},
    });
  });

  it("is named as where a value comes from", () => {
    const { provenance } = loadAll(
      "k3os: { sysctls: { a.b: 1 }, timezone: UTC, ntp_servers: null }",
      cluster("k3os: { sysctls: { c.d: 1 }, timezone: Europe/Berlin, ntp_servers: [a], labels: { x: y } }"),
    );
    expect(provenance["k3os.sysctls"]).toMatchObject({
      layer: "layer-0",
      overrides: [],
      merged: [{ layer: "MachineConfig 20-mirror" }],
    });
    for (const path of ["k3os.timezone", "k3os.ntp_servers"]) {
      expect(provenance[path]).toMatchObject({ layer: "MachineConfig 20-mirror", overrides: [{ layer: "layer-0" }] });
    }
    expect(provenance["k3os.labels"]).toMatchObject({ layer: "MachineConfig 20-mirror", overrides: [] });
  });

  it("is rejected alone", () => {
    const { config, rejected } = loadAll(
      "hostname: a",
      cluster("hostname: b"),
      cluster("k3os: { labels: { c: d } }", "x"),
    );
    expect(rejected).toEqual(["MachineConfig 20-mirror"]);
    expect(config).toEqual({ hostname: "a", k3os: { labels: { c: "d" } } });
  });

  it.each([
    ["hostname: a", "hostname: a key that a MachineConfig cannot set"],
    ["k3os: { token: abc }", "k3os.token: a key that a MachineConfig cannot set"],
    ["k3os: { server_url: https://a }", "k3os.server_url: a key that a MachineConfig cannot set"],
    ["k3os: { data_sources: [aws] }", "k3os.data_sources: a key that a MachineConfig cannot set"],
    ["k3os: { password: abc }", "k3os.password: a key that a MachineConfig cannot set"],
    ["k3os: { install: { silent: true } }", "k3os.install: a key that a MachineConfig cannot set"],
    ["k3os: { labels: null }", "k3os.labels: expected a value, got nothing"],
    ["k3os: { users: [{ name: ada, password: x }] }", "k3os.users[0].password: a secret, which whoever can read"],
    ["k3os: { wifi: [{ name: a, passphrase: 12345678 }] }", "k3os.wifi[0].passphrase: a secret, which whoever"],
    [
      "k3os: { registries: { configs: { a.b: { auth: { password: x } } } } }",
      'k3os.registries.configs["a.b"].auth.password: a secret, which whoever',
    ],
    ["k3os: { proxy: { http: 'http://u:p@host:1' } }", "k3os.proxy.http: a URL with a secret, which whoever"],
    ["k3os: { environment: { AWS_SECRET_ACCESS_KEY: x } }", "k3os.environment.AWS_SECRET_ACCESS_KEY: a secret, which"],
    ["k3os: { k3s_args: [agent] }", "k3os.k3s_args[0]: a role, which a MachineConfig cannot set"],
    ["k3os: { k3s_args: [--debug, --token=abc] }", "k3os.k3s_args[1]: a secret, which whoever"],
    ["k3os: { k3s_args: [--node-name=a] }", "k3os.k3s_args[0]: a flag that a MachineConfig cannot set"],
    ["k3os: { sysctls: { x: 1 } }", "k3os.sysctls.x: expected the name of a sysctl"],
  ])("is refused for %s", (text, want) => {
    const loaded = loadText(text, "cluster");
    expect(told(loaded).some((line) => line.startsWith(`error ${want}`))).toBe(true);
    expect(loaded.config).toEqual({});
    expect(loaded.problems.every(({ hint }) => hint !== undefined)).toBe(true);
    expect(JSON.stringify(loaded.problems)).not.toContain("12345678");
  });
});

const word = fc.constantFrom("a", "b", "c");
const patch: fc.Arbitrary<Patch> = fc.record(
  {
    write_files: fc.uniqueArray(fc.record({ path: word.map((name) => `/${name}`), content: word }), {
      selector: ({ path }) => path,
    }),
    run_cmd: fc.array(word, { maxLength: 3 }),
    k3os: fc.record(
      {
        labels: fc.dictionary(word, word),
        k3s_args: fc.array(fc.constantFrom(["--x"], ["--y=1"], ["--z", "v"], ["--z", "w"])).map((args) => args.flat()),
        registries: fc.record({ mirrors: fc.dictionary(word, fc.record({ endpoint: fc.array(word) })) }),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);

it("merging by key is associative, and nothing is its neutral element", () => {
  fc.assert(
    fc.property(patch, patch, patch, (a, b, c) => {
      const both = (low: Patch, high: Patch) => mergeByKey(low, high, schema);
      expect(both(a, both(b, c))).toEqual(both(both(a, b), c));
      expect(both(a, {})).toEqual(a);
      expect(both({}, a)).toEqual(a);
      expect(both(both(a, b), b)).toEqual(both(a, b));
    }),
  );
});
