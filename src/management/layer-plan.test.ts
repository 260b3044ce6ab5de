import { describe, expect, it } from "vitest";
import type { Layer } from "../config/index.ts";
import type { MachineConfig } from "../kubernetes/machine-config.ts";
import { layerOf } from "./config-layer.ts";
import { NO_LAYER } from "./layer.ts";
import { planLayer } from "./layer-plan.ts";
import { machineConfig } from "./testing.ts";

const local: Layer = {
  name: "config.yaml",
  kind: "local",
  text: "k3os: { sysctls: { vm.swappiness: 1 }, token: t }\n",
};

function planned(configs: readonly MachineConfig[], applied = NO_LAYER) {
  return planLayer({ configs, labels: {}, local: [local], applied, facts: { mode: "local", version: "1" } });
}

const sysctl = { k3os: { sysctls: { "vm.swappiness": "10" } } };
const mirror = { k3os: { registries: { mirrors: { "docker.io": { endpoint: ["https://mirror"] } } } } };
const modules = { k3os: { modules: ["nbd nbds_max=16"] } };

describe("the plan of the cluster's layer", () => {
  it("is empty when nothing is to be done", () => {
    expect(planned([])).toMatchObject({ desired: "", layer: NO_LAYER, effect: undefined, plan: [] });
    const { layer } = planned([machineConfig("a", sysctl)]);
    expect(planned([machineConfig("a", sysctl)], layer)).toMatchObject({ effect: undefined, plan: [], layer });
  });

  it("says for each key what it does, and whose it is, and no value", () => {
    const { plan, effect } = planned([
      machineConfig("10-a", sysctl),
      machineConfig("20-b", { k3os: { ...mirror.k3os, ...modules.k3os } }),
    ]);
    expect(effect).toBe("Reboot");
    expect(plan).toEqual([
      { path: "k3os.modules", effect: "Reboot", config: "20-b" },
      { path: "k3os.sysctls", effect: "Live", config: "10-a" },
      { path: "k3os.registries", effect: "Restart", config: "20-b" },
    ]);
  });

  it("says whose it was, when a MachineConfig is gone", () => {
    const { layer } = planned([machineConfig("a", sysctl), machineConfig("b", mirror)]);
    expect(planned([machineConfig("a", sysctl)], layer)).toMatchObject({
      effect: "Restart",
      plan: [{ path: "k3os.registries", effect: "Restart", config: "b" }],
    });
  });

  it("changes nothing by what the node says itself already", () => {
    const same = planned([machineConfig("a", { k3os: { sysctls: { "vm.swappiness": "1" } } })]);
    expect(same).toMatchObject({ effect: undefined, plan: [] });
    expect(same.layer.revision).not.toBe("");
  });

  it("shows what a MachineConfig would do that is paused, and does not apply it", () => {
    expect(planned([machineConfig("a", modules, { paused: true })])).toMatchObject({
      ...{ desired: "", layer: NO_LAYER, effect: undefined },
      plan: [{ path: "k3os.modules", effect: "Reboot", config: "a" }],
    });
    const applied = layerOf([{ name: "a", generation: 1, text: "k3os: { modules: [nbd] }\n" }]);
    const frozen = planned([machineConfig("a", modules, { paused: true, generation: 2 })], applied);
    expect(frozen).toMatchObject({ layer: applied, plan: [{ path: "k3os.modules", config: "a" }] });
  });

  it("refuses what does more than it is allowed to, with a sentence, and applies the rest", () => {
    const found = planned([
      machineConfig("a", mirror, { atMost: "Live" }),
      machineConfig("b", sysctl, { atMost: "Live" }),
    ]);
    expect(found.layer.parts.map(({ name }) => name)).toEqual(["b"]);
    expect(found).toMatchObject({ effect: "Live", refused: [{ config: "a" }] });
    expect(found.refused[0]?.reason).toBe("a allows at most a live change, and k3os.registries needs a restart of k3s");
    expect(found.desired).not.toBe(found.layer.revision);
    expect(found.plan).toContainEqual({ path: "k3os.registries", effect: "Restart", config: "a" });
  });

  it("keeps what was applied of one that now asks for too much", () => {
    const before = planned([machineConfig("a", sysctl, { atMost: "Live" })]).layer;
    const found = planned(
      [machineConfig("a", { k3os: { ...sysctl.k3os, ...mirror.k3os } }, { atMost: "Live", generation: 2 })],
      before,
    );
    expect(found).toMatchObject({ layer: before, effect: undefined, refused: [{ config: "a" }] });
  });
});
