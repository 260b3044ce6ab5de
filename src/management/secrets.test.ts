import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SecretValue } from "../kubernetes/machine-config.ts";
import { clusterLayer } from "./config-layer.ts";
import { NO_LAYER } from "./layer.ts";
import { type ReadSecret, type Secrets, stepsOf } from "./secrets.ts";
import { machineConfig } from "./testing.ts";

const password = 'k3os.registries.configs["registry.example.com"].auth.password';
const from = (path: string, key = "password"): SecretValue => ({ path, secretKeyRef: { name: "mirror", key } });
const mirror = (data: Record<string, string>, version = "7"): Secrets =>
  new Map<string, ReadSecret>([["mirror", { version, data }]]);
const secret = mirror({ password: "hunter2", user: "robot" });
const registry = { k3os: { registries: { configs: { "registry.example.com": { auth: { username: "robot" } } } } } };
const layerWith = (
  secrets: readonly SecretValue[],
  known: Secrets = secret,
  config: Record<string, unknown> = registry,
) => clusterLayer([machineConfig("20-mirror", config, { secrets })], {}, NO_LAYER, known);

describe("a value that stands in a Secret", () => {
  it("is part of what the node applies, and of nothing that others see", () => {
    const { layer, refused } = layerWith([from(password)]);
    expect(refused).toEqual([]);
    expect(layer.parts).toMatchObject([
      {
        text: expect.stringContaining("password: hunter2"),
        secrets: [{ path: password, source: "mirror/password@7" }],
      },
    ]);
  });

  it("makes another revision with another value, which does not tell the value", () => {
    const revision = (known: Secrets) => layerWith([from(password)], known).layer.revision;
    expect(revision(mirror({ password: "other" }))).toBe(revision(secret));
    expect(revision(mirror({ password: "other" }, "8"))).not.toBe(revision(secret));
  });

  it("is the same as before if only the Secret has another version", () => {
    const { layer } = layerWith([from(password)]);
    const configs = [machineConfig("20-mirror", registry, { secrets: [from(password)] })];
    const touched = (value: string) => clusterLayer(configs, {}, layer, mirror({ password: value }, "8")).layer;
    expect(touched("hunter2")).toEqual(layer);
    expect(touched("other").revision).not.toBe(layer.revision);
  });

  it.each([
    ["k3os.wifi[0].passphrase", { k3os: { wifi: [{ name: "home" }] } }],
    ["k3os.password", {}],
    ['k3os.registries.configs["5gc"].auth.password', registry],
    ['k3os["registries"].configs.mirror.auth.identity_token', registry],
  ])("may be %s", (path, config) => {
    const { layer, refused } = layerWith([from(path)], mirror({ password: "hunter2hunter2" }), config);
    expect(refused).toEqual([]);
    expect(layer.parts[0]?.text).toContain("hunter2hunter2");
    expect(layer.revision).toMatch(/^sha256:/);
  });

  const OTHER = /^spec\.secrets: expected the path of a key that is secret, got /;
  it.each([
    ["k3os.token", /a key that a MachineConfig cannot set/],
    [
      "k3os.wifi[0].passphrase",
      /^spec\.secrets: spec\.config has no item to which k3os\.wifi\[0\]\.passphrase could belong/,
    ],
    ["k3os..x", OTHER],
    ["k3os.registries.configs.a.auth.passWord", OTHER],
    // Shown to people, in k3os config and elsewhere.
    ["write_files[0].content", OTHER],
    ["k3os.environment.MIRROR_TOKEN", OTHER],
    ["k3os.upgrade.deadline", OTHER],
  ])("is refused at %s", (path, reason) => {
    const { refused, layer } = layerWith([from(path)]);
    expect(layer.parts).toEqual([]);
    expect(refused[0]?.reason).toMatch(reason);
  });

  const awkward = fc.oneof(
    fc.string({ minLength: 3, maxLength: 200 }),
    fc.constantFrom('hunt"er2', "hunter2\n", `hunter2-${"0123456789".repeat(20)}`, "pass", "- a: [", "hunter2: {"),
  );
  it("is not told, whatever is wrong with it", () => {
    fc.assert(
      fc.property(awkward, (value) => {
        const config = { k3os: { wifi: [{ name: "home" }] } };
        const { refused } = layerWith([from("k3os.wifi[0].passphrase")], mirror({ password: value }), config);
        const secretPart = JSON.stringify(value).slice(1, 9);
        for (const { reason } of refused) expect(reason.replace(/^.*passphrase/s, "")).not.toContain(secretPart);
      }),
    );
    expect(
      layerWith([from("k3os.wifi[0].passphrase")], mirror({ password: "short" }), { k3os: { wifi: [{ name: "h" }] } })
        .refused,
    ).toHaveLength(1);
  });

  it("holds the config back as long as the Secret is missing; what was applied stays", () => {
    const { layer } = layerWith([from(password)]);
    const configs = [machineConfig("20-mirror", registry, { secrets: [from(password)], generation: 2 })];
    const missing: Secrets = new Map([["mirror", { problem: "it does not exist" }]]);
    const held = clusterLayer(configs, {}, layer, missing);
    expect(held.layer).toEqual(layer);
    expect(held.refused).toEqual([
      { config: "20-mirror", reason: "the Secret k3os-system/mirror is needed, and it does not exist" },
    ]);
    expect(layerWith([from(password, "nothing")]).refused[0]?.reason).toBe(
      "the Secret k3os-system/mirror has no key nothing",
    );
  });

  it("is missing without harm to the node while the MachineConfig is paused", () => {
    const config = machineConfig("a", registry, { secrets: [from(password)], paused: true });
    expect(clusterLayer([config], {}).refused).toMatchObject([{ config: "a", paused: true }]);
  });

  it("is asked for by MachineConfigs of other nodes only there", () => {
    const config = machineConfig("a", registry, {
      ...{ secrets: [from(password)], nodeSelector: { matchLabels: { a: "b" } } },
    });
    expect(clusterLayer([config], {}).refused).toEqual([]);
  });
});

describe("a path", () => {
  const word = fc.stringMatching(/^[A-Za-z_][\w-]{0,8}$/);
  const name = fc.stringMatching(/^[A-Za-z0-9.:/-]{1,20}$/);
  const step = fc.oneof(
    word,
    fc.nat(9999),
    name.map((text) => ({ text })),
  );

  it("is read as it was written", () => {
    fc.assert(
      fc.property(word, fc.array(step), (first, others) => {
        const written = others.map((one) =>
          typeof one === "number" ? `[${one}]` : typeof one === "string" ? `.${one}` : `["${one.text}"]`,
        );
        const steps = others.map((one) => (typeof one === "object" ? one.text : one));
        expect(stepsOf(first + written.join(""))).toEqual([first, ...steps]);
      }),
    );
  });

  it.each(["", ".a", "a.", "a b", 'a["]', "a[-1]", "a[0", "a..b"])("is not %j", (path) => {
    expect(stepsOf(path)).toBeUndefined();
  });
});
