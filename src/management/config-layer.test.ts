import { describe, expect, it } from "vitest";
import type { MachineConfig } from "../kubernetes/machine-config.ts";
import { canonicalJson, clusterLayer, layerOf } from "./config-layer.ts";
import { machineConfig } from "./testing.ts";

const nothing = {};

describe("the cluster's layer of a node", () => {
  it("is of the MachineConfigs that select the node, in the order of their names", () => {
    const { layer } = clusterLayer(
      [
        machineConfig("20-b", { k3os: { timezone: "UTC" } }, { nodeSelector: { matchLabels: { zone: "a" } } }),
        machineConfig("10-a", { k3os: { labels: { x: "y" } } }, { generation: 3 }),
        machineConfig("30-c", { k3os: { timezone: "UTC" } }, { nodeSelector: { matchLabels: { zone: "b" } } }),
      ],
      { zone: "a" },
    );
    expect(layer.parts.map(({ name, generation }) => [name, generation])).toEqual([
      ["10-a", 3],
      ["20-b", 1],
    ]);
    expect(layer.revision).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  it("is empty without any, or if they say nothing", () => {
    expect(clusterLayer([], nothing).layer).toEqual({ revision: "", parts: [] });
    expect(clusterLayer([machineConfig("a", { k3os: {} }), machineConfig("b", {})], nothing).layer.revision).toBe("");
  });

  it("has the same revision if it says the same, whoever says it", () => {
    const apart = [
      machineConfig("a", { k3os: { labels: { x: "1" } } }),
      machineConfig("b", { k3os: { labels: { y: "2" } } }),
    ];
    const both = [machineConfig("c", { k3os: { labels: { y: "2", x: "1" } } })];
    const revisions = [apart, both].map((configs) => clusterLayer(configs, nothing).layer.revision);
    expect(new Set(revisions).size).toBe(1);
    expect(clusterLayer([...apart].reverse(), nothing)).toEqual(clusterLayer(apart, nothing));
  });

  it("takes numbers and flags as a file does", () => {
    const [number, text] = [1, "1"].map((value) =>
      clusterLayer([machineConfig("a", { k3os: { sysctls: { "a.b": value } } })], nothing),
    );
    expect(number?.refused).toEqual([]);
    expect(number?.layer.revision).toBe(text?.layer.revision);
  });

  it("names the keys that two of them set differently", () => {
    const of = (name: string, swappiness: string, content: string) =>
      machineConfig(name, {
        write_files: [{ path: "/etc/motd", content }],
        k3os: { sysctls: { "vm.swappiness": swappiness, "a.b": "1" }, ntp_servers: [swappiness] },
      });
    const { conflicts } = clusterLayer([of("a", "1", "x"), of("b", "2", "y"), of("c", "2", "y")], nothing);
    expect(conflicts).toEqual([
      { path: "write_files[/etc/motd]", configs: ["a", "b", "c"] },
      { path: "k3os.sysctls.vm.swappiness", configs: ["a", "b", "c"] },
    ]);
  });

  it.each<[Record<string, unknown>, string]>([
    [{ hostname: "a" }, "MachineConfig bad:1:1 hostname: a key that a MachineConfig cannot set"],
    [{ k3os: { sysctl: { swappiness: "1" } } }, "k3os.sysctls.swappiness: expected the name of a sysctl"],
    [{ k3os: { lables: { a: "b" } } }, "k3os.lables: unknown key of `k3os`"],
    [{ k3os: { labels: { "node-role.kubernetes.io/x": "" } } }, "expected a label that a node may give itself"],
  ])("leaves out %j as a whole, in the words of `k3os config check`, with a hint", (config, want) => {
    const { layer, refused } = clusterLayer(
      [machineConfig("bad", config), machineConfig("good", { k3os: { timezone: "UTC" } })],
      nothing,
    );
    expect(layer.parts.map(({ name }) => name)).toEqual(["good"]);
    expect(refused).toEqual([{ config: "bad", reason: expect.stringContaining(want) }]);
    expect(refused[0]?.reason).toContain("= hint: ");
  });

  const before = layerOf([{ name: "a", generation: 1, text: "k3os: { timezone: UTC }\n" }]);
  it.each<[string, MachineConfig]>([
    ["paused", machineConfig("a", { k3os: { timezone: "Europe/Berlin" } }, { paused: true, generation: 2 })],
    ["refused", machineConfig("a", { hostname: "a" }, { generation: 2 })],
  ])("keeps what was applied of one that is %s now", (_, config) => {
    expect(clusterLayer([config], nothing, before).layer).toEqual(before);
    expect(clusterLayer([config], nothing).layer.parts).toEqual([]);
  });

  it("loses one that is gone", () => {
    expect(clusterLayer([], nothing, before).layer.revision).toBe("");
  });
});

it("equal values are equal texts", () => {
  expect(canonicalJson({ b: [{ d: 1, c: 2 }], a: "x" })).toBe('{"a":"x","b":[{"c":2,"d":1}]}');
});
