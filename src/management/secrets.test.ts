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

  it("makes another revision with another version of the Secret, and not with another value of the same", () => {
    const revision = (known: Secrets) => layerWith([from(password)], known).layer.revision;
    expect(revision(mirror({ password: "other" }))).toBe(revision(secret));
    expect(revision(mirror({ password: "other" }, "8"))).not.toBe(revision(secret));
  });

  it.each([
    ["k3os.wifi[0].passphrase", { k3os: { wifi: [{ name: "home" }] } }],
    ["k3os.environment.MIRROR_TOKEN", {}],
    ["k3os.password", {}],
    ["write_files[0].content", { write_files: [{ path: "/etc/key", permissions: "0600" }] }],
    ["k3os.environment.HTTPS_PROXY", {}, "http://robot:hunter2@proxy:3128"],
  ])("may be %s", (path, config, value = "hunter2hunter2") => {
    const { layer, refused } = layerWith([from(path)], mirror({ password: value }), config);
    expect(refused).toEqual([]);
    expect(layer.parts[0]?.text).toContain(value);
  });

  it.each([
    ["k3os.token", /^MachineConfig 20-mirror:.*a key that a MachineConfig cannot set/s],
    ["k3os.wifi[0].passphrase", /^spec\.secrets: expected a path into spec\.config, got k3os\.wifi\[0\]\.passphrase/],
    ["k3os..x", /^spec\.secrets: expected a path/],
    ["k3os.nonsense.x", /nonsense/],
    ["k3os.upgrade.deadline", /deadline: expected .*\(hidden\)/s],
  ])("is refused at %s, without being told", (path, reason) => {
    const { refused, layer } = layerWith([from(path)]);
    expect(layer.parts).toEqual([]);
    expect(refused[0]?.reason).toMatch(reason);
    expect(refused[0]?.reason).not.toContain("hunter2");
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
