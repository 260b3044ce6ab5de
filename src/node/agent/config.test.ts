import { describe, expect, it } from "vitest";
import type { Host } from "../../host/host.ts";
import { type MemoryHost, memoryHost, type Program } from "../../host/memory.ts";
import { layerOf } from "../../management/config-layer.ts";
import { type ClusterLayer, NO_LAYER } from "../../management/layer.ts";
import { machineConfig } from "../../management/testing.ts";
import { silent } from "../../progress.ts";
import { curlOf, FILES, nodeNamed, type Parts } from "../health/testing.ts";
import { loadConfig } from "../layers.ts";
import { forgetRefused, refusalOfRevision } from "../slots/given-up.ts";
import { readJournal } from "../slots/journal.ts";
import { layerOfSlot, layerPath, writeLayerOfSlot } from "../slots/layer-file.ts";
import { readSlots } from "../slots/slots.ts";
import {
  contentOf,
  cutBefore,
  imageOf,
  installedDisk,
  linkIn,
  PLACES,
  PowerCut,
  powerOn,
  withEveryCut,
} from "../slots/testing.ts";
import { commitTrial, onTrial, returnFromTrial, settleTrial } from "../slots/trial.ts";
import { catchPrinted } from "../testing.ts";
import { upgradeLines, upgradeStatus } from "../upgrade/describe.ts";
import { rollback } from "../upgrade/rollback.ts";
import { upgrade } from "../upgrade/upgrade.ts";
import {
  appliedLayer,
  applyLive,
  applyWithRestart,
  beginRestart,
  planConfigs,
  stageConfigTrial,
  wantedLayer,
} from "./config.ts";
import { forgetTries } from "./tries.ts";

const lines = catchPrinted();

const layerSaying = (text: string) => layerOf([{ name: "10-a", generation: 1, text }]);
const OLD = layerSaying("k3os: { sysctls: { vm.swappiness: 1 } }\n");
const NEW = layerSaying("k3os: { modules: [nbd nbds_max=16] }\n");
const swappiness = "/proc/sys/vm/swappiness";

const NODE_FILES = {
  "/run/k3os/mode": "local\n",
  "/proc/sys/kernel/hostname": "a\n",
  [swappiness]: "60\n",
  "/proc/sys/vm/max_map_count": "65530\n",
  "/etc/passwd": "rancher:x:1000:1000::/home/rancher:/bin/bash\n",
  "/etc/group": "rancher:x:1000:\n",
  "/etc/shadow": "rancher:*::\n",
  "/etc/environment": "",
};

function give(host: MemoryHost, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    host.mkdir(path.slice(0, path.lastIndexOf("/")));
    host.write(path, text);
  }
}

/** A node that runs 1.0 from slot a, with the layer OLD. */
async function node(): Promise<MemoryHost> {
  const host = await installedDisk();
  give(host, NODE_FILES);
  await writeLayerOfSlot(host, "a", OLD);
  return host;
}

/** What the menu boots, and with which layer. */
function boot(host: MemoryHost) {
  const started = powerOn(host);
  return { ...started, revision: appliedLayer(host).revision };
}

const good = { slot: "a", trial: false, content: "1.0-a", revision: OLD.revision };
const trial = { slot: "b", trial: true, content: "1.0-a", revision: NEW.revision };

describe("a live change", () => {
  it("is applied, noted, and above the node's own config", async () => {
    const host = await node();
    give(host, { "/var/lib/rancher/k3os/config.yaml": "k3os: { sysctls: { vm.max_map_count: 7 } }\n" });
    const plan = planConfigs(host, [machineConfig("10-a", { k3os: { sysctls: { "vm.swappiness": "5" } } })], {});
    expect(plan).toMatchObject({ effect: "Live", plan: [{ path: "k3os.sysctls", config: "10-a" }] });
    expect(await applyLive(host, plan.layer)).toMatchObject({ failures: [], problems: [] });
    expect(host.readText(swappiness)).toBe("5");
    expect(host.readText("/proc/sys/vm/max_map_count")).toBe("7");
    expect(appliedLayer(host)).toEqual(plan.layer);
    expect(host.stat(layerPath("a"))?.mode).toBe(0o600);
    expect(loadConfig(host).provenance["k3os.sysctls"]?.merged).toMatchObject([{ layer: "MachineConfig 10-a" }]);
    expect(lines).toContain("set sysctl vm.swappiness = 5");
  });

  it("is wanted until it is noted, with the MachineConfigs that it is of", async () => {
    const host = await node();
    const sysctl = (generation: number) =>
      machineConfig("10-a", { k3os: { sysctls: { "vm.swappiness": "1" } } }, { generation });
    const wanted = (generation: number) => wantedLayer(host, planConfigs(host, [sysctl(generation)], {}));
    await writeLayerOfSlot(host, "a", planConfigs(host, [sysctl(1)], {}).layer);
    expect(await wanted(1)).toBeUndefined();
    expect(await wanted(2)).toEqual({ revision: OLD.revision, effect: "Live" });
    expect(await wantedLayer(host, planConfigs(host, [], {}))).toEqual({ revision: "", effect: "Live" });
    host.write("/proc/cmdline", "k3os.cluster_config=off\n");
    expect(await wantedLayer(host, planConfigs(host, [], {}))).toBeUndefined();
    const reboot = planConfigs(host, [machineConfig("b", { boot_cmd: ["a"] })], {});
    expect(await wantedLayer(host, reboot)).toMatchObject({
      effect: "Reboot",
      refused: expect.stringContaining("off"),
    });
    host.write("/proc/cmdline", "quiet\n");
    expect(await wantedLayer(host, reboot)).toMatchObject({ refused: expect.stringContaining("it takes a boot") });
  });

  it("is noted though a part of it fails, which is reported", async () => {
    const host = await node();
    const layer = layerSaying("k3os: { sysctls: { vm.swappiness: 5, vm.nothing: 1 } }\n");
    const { failures } = await applyLive(host, layer);
    expect(failures).toEqual([{ step: "set sysctl vm.nothing = 1", reason: "this kernel has no sysctl vm.nothing" }]);
    expect(host.readText(swappiness)).toBe("5");
    expect(appliedLayer(host)).toEqual(layer);
  });

  it("is noted only once it is applied, wherever the power fails", async () => {
    const layer = layerSaying("k3os: { sysctls: { vm.swappiness: 5 } }\n");
    const cut = () => {
      throw new PowerCut();
    };
    const cuts = await withEveryCut(
      node,
      // A step that fails is reported, and so is one that lost its power.
      (host) => applyLive(host, layer).catch(cut),
      async (host) => {
        const { revision } = appliedLayer(host);
        if (revision === layer.revision) expect(host.readText(swappiness)).toBe("5");
        else expect(revision).toBe(OLD.revision);
        await applyLive(host, layer);
        expect(boot(host)).toEqual({ ...good, revision: layer.revision });
      },
    );
    expect(cuts).toBeGreaterThan(3);
  });

  it("leaves no file when nothing is asked any more", async () => {
    const host = await node();
    await applyLive(host, NO_LAYER);
    expect(host.stat(layerPath("a"))).toBeUndefined();
    expect(appliedLayer(host)).toEqual(NO_LAYER);
  });

  it("is refused, and the layer does not count, if the kernel's command line says so", async () => {
    const host = await node();
    host.write("/proc/cmdline", `${host.readText("/proc/cmdline").trim()} k3os.cluster_config=off\n`);
    expect(loadConfig(host)).toMatchObject({ config: {}, problems: [] });
    await expect(applyLive(host, NEW)).rejects.toMatchObject({ hint: expect.stringContaining("reboot") });
  });

  it.each(["{", "null", '{ "format": 1 }', '{ "format": 2, "revision": "", "parts": [] }'])(
    "survives a file that says %s, and a boot tells of it",
    async (text) => {
      const host = await node();
      host.write(layerPath("a"), text);
      expect(() => loadConfig(host)).toThrow(`${layerPath("a")}: expected a layer of the cluster in format 1, got`);
      const told: string[] = [];
      expect(loadConfig(host, (layer) => told.push(layer))).toMatchObject({ config: {} });
      expect(told).toEqual(["of the cluster"]);
      expect(appliedLayer(host)).toEqual(NO_LAYER);
      await applyLive(host, OLD);
      expect(appliedLayer(host)).toEqual(OLD);
    },
  );
});

describe("the trial of a config", () => {
  const staged = async () => {
    const host = await node();
    await stageConfigTrial(host, NEW);
    return host;
  };

  it("boots the same image from the other slot, with its own layer, and is kept", async () => {
    const host = await staged();
    expect(readSlots(host, PLACES).records.b).toEqual(readSlots(host, PLACES).records.a);
    expect(boot(host)).toEqual(trial);
    expect(onTrial(host)).toMatchObject({ slot: "b", version: "1.0", revision: NEW.revision });
    await commitTrial(host);
    expect(boot(host)).toEqual({ ...trial, trial: false });
    expect(layerOfSlot(host, "a")).toEqual(OLD);
    expect(readJournal(host, PLACES.state)).toMatchObject({
      last: { result: "committed", revision: NEW.revision },
      refused: [],
    });
  });

  it("is returned from with its layer, and this layer is not tried again on this image; the image is not refused", async () => {
    const host = await staged();
    boot(host);
    await returnFromTrial(host, "not Ready within 10 min");
    expect(boot(host)).toEqual(good);
    expect(await refusalOfRevision(host, NEW.revision)).toMatchObject({ reason: "not Ready within 10 min" });
    expect(await refusalOfRevision(host, OLD.revision)).toBeUndefined();
    const same = planConfigs(host, [machineConfig("10-a", { k3os: { modules: ["nbd nbds_max=16"] } })], {});
    expect(await wantedLayer(host, same)).toEqual({
      ...{ revision: NEW.revision, effect: "Reboot" },
      refused: `config ${NEW.revision.slice(0, 19)} was given up: not Ready within 10 min`,
    });
    const short = `config ${NEW.revision.slice(0, 19)}`;
    expect(upgradeLines(await upgradeStatus(host))).toEqual([
      `slot a     1.0 with config ${OLD.revision.slice(0, 19)}, kept, runs`,
      `slot b     1.0 with ${short}, given up: not Ready within 10 min`,
      `trial      ${short} was given up at 2026-11-29 00:00 UTC: not Ready within 10 min`,
    ]);
    imageOf(host, "1.0");
    const again = { version: undefined, stageOnly: false, reboot: true, allowDowngrade: false, retry: false };
    const config = { k3os: { upgrade: { unsigned: true } } };
    expect(await upgrade(host, config, { ...again, place: "/image/1.0-a" }, silent)).toMatchObject({
      state: "current",
    });
    await forgetRefused(host);
    expect(await refusalOfRevision(host, NEW.revision)).toBeUndefined();
  });

  it("that stops without a word is noted by the good slot", async () => {
    const host = await staged();
    boot(host);
    boot(host);
    expect(boot(host)).toEqual(good);
    expect(await settleTrial(host)).toContain(`the trial of config ${NEW.revision.slice(0, 19)} ended: `);
    expect(await refusalOfRevision(host, NEW.revision)).toBeDefined();
  });

  it("that was given up is given up at once when it is booted once more", async () => {
    const host = await staged();
    boot(host);
    await withEveryCut(
      async () => host,
      (cut) => returnFromTrial(cut, "k3s did not start"),
      async () => {
        const { candidate } = readJournal(host, PLACES.state);
        if (candidate === undefined && boot(host).trial)
          expect(onTrial(host)).toMatchObject({ refused: "k3s did not start", revision: NEW.revision });
      },
    );
  });

  it("may be of no layer at all", async () => {
    const host = await node();
    await stageConfigTrial(host, NO_LAYER);
    expect(boot(host)).toEqual({ ...trial, revision: "" });
    await returnFromTrial(host, "bad");
    expect(boot(host)).toEqual(good);
    expect(await refusalOfRevision(host, "")).toBeDefined();
  });

  it("leaves the good slot as it is at every moment in which it is staged; a second run completes it", async () => {
    const fresh = async () => {
      const host = await node();
      const old = { version: undefined, stageOnly: true, reboot: true, allowDowngrade: true, retry: false };
      imageOf(host, "0.9");
      await upgrade(host, { k3os: { upgrade: { unsigned: true } } }, { ...old, place: "/image/0.9-a" }, silent);
      return host;
    };
    const cuts = await withEveryCut(
      fresh,
      (host) => stageConfigTrial(host, NEW),
      async (host) => {
        const started = boot(host);
        expect(started.trial ? trial : good).toEqual(started);
        expect([[], ["0.9-a"], ["1.0-a"]]).toContainEqual(contentOf(host, "b"));
        if (contentOf(host, "b")[0] === "0.9-a") expect(layerOfSlot(host, "b")).toEqual(OLD);
        if (started.trial) return;
        await settleTrial(host);
        await stageConfigTrial(host, NEW);
        expect(boot(host)).toEqual(trial);
      },
    );
    expect(cuts).toBeGreaterThan(15);
  });

  it("is a try or kept after a power cut at any moment of its commit", async () => {
    const tried = async () => {
      const host = await staged();
      boot(host);
      return host;
    };
    await withEveryCut(
      tried,
      (host) => commitTrial(host),
      async (host) => {
        const started = boot(host);
        expect(started).toEqual({ ...trial, trial: started.trial });
        if (started.trial) await commitTrial(host);
        else await settleTrial(host);
        expect(boot(host)).toEqual({ ...trial, trial: false });
        expect(readJournal(host, PLACES.state).last).toMatchObject({ result: "committed", revision: NEW.revision });
      },
    );
  });

  it("is undone by k3os rollback, which remembers the config and not the image", async () => {
    const host = await staged();
    boot(host);
    await commitTrial(host);
    boot(host);
    await rollback(host);
    expect(boot(host)).toEqual(good);
    expect(readJournal(host, PLACES.state).refused).toMatchObject([{ revision: NEW.revision }]);
  });

  it("is refused while another trial is under way, and without slots", async () => {
    const host = await staged();
    boot(host);
    await expect(stageConfigTrial(host, OLD)).rejects.toMatchObject({ kind: "busy" });
    await expect(applyLive(host, OLD)).rejects.toMatchObject({ kind: "busy" });
    const live = memoryHost({ files: { "/proc/cmdline": "quiet\n", "/proc/mounts": "" } });
    await expect(stageConfigTrial(live, OLD)).rejects.toMatchObject({ kind: "usage" });
  });
});

describe("an upgrade of the image", () => {
  const nothing = { version: undefined, stageOnly: false, reboot: true, allowDowngrade: false, retry: false };
  const to = (host: Host, version: string, stageOnly = false) =>
    upgrade(
      host,
      { k3os: { upgrade: { unsigned: true } } },
      { ...nothing, stageOnly, place: `/image/${version}-a` },
      silent,
    );
  const withImage = async () => {
    const host = await node();
    imageOf(host, "2.0");
    return host;
  };

  it("takes the layer along, wherever the power fails", async () => {
    await withEveryCut(
      withImage,
      (host) => to(host, "2.0"),
      async (host) => {
        const started = boot(host);
        expect(started.revision).toBe(OLD.revision);
        if (contentOf(host, "b")[0] === "2.0-a") expect(layerOfSlot(host, "b")).toEqual(OLD);
      },
    );
  });

  it("takes the layer of the moment in which it is armed", async () => {
    const host = await withImage();
    await to(host, "2.0", true);
    const changed = layerSaying("k3os: { sysctls: { vm.swappiness: 9 } }\n");
    await applyLive(host, changed);
    await to(host, "2.0");
    expect(boot(host)).toEqual({ slot: "b", trial: true, content: "2.0-a", revision: changed.revision });
    expect(onTrial(host)).not.toHaveProperty("revision");
  });
});

/** A node in memory on which k3s runs. `change` is called at each look, with the seconds since the start. */
function running(change: (parts: Parts, seconds: number, restarted: number) => void = () => {}) {
  const parts: Parts = { kubelet: true, containerd: 92, api: { "/api/v1/nodes/a": { body: nodeNamed("a", "True") } } };
  let restarted = 0;
  const curl: Program = (...call) => {
    change(parts, host.monotonic() / 1000, restarted);
    return curlOf(parts)(...call);
  };
  const restart: Program = ([, ...words]) => {
    if (words.includes("restart")) restarted++;
    return {};
  };
  const host = memoryHost({
    files: {
      ...FILES,
      ...NODE_FILES,
      "/run/k3os/mode": "live\n",
      "/proc/cmdline": "quiet\n",
      "/proc/mounts": "",
      "/usr/share/k3os/image.json": '{ "version": "1" }',
      [BOOT_ID]: "boot-1\n",
      "/proc/100/stat": `100 (qjs) S ${"0 ".repeat(30)}\n`,
    },
    programs: { curl, "rc-service": restart, sync: () => ({}), ip: () => ({}), ln: linkIn(() => host) },
  });
  host.symlink("100", "/proc/self");
  return { host, restarts: () => restarted };
}

const BOOT_ID = "/proc/sys/kernel/random/boot_id";

/** What a plan says of a layer that nothing hinders. */
const planFor = (layer: ClusterLayer) =>
  ({ desired: layer.revision, layer, plan: [], conflicts: [], refused: [] }) as const;

const ARGS = layerSaying("k3os: { k3s_args: [--kubelet-arg=max-pods=50] }\n");

describe("a change that k3s is restarted for", () => {
  it("is kept once the node is Ready for as long as a trial must be", async () => {
    const { host, restarts } = running();
    await applyLive(host, NO_LAYER);
    const before = host.monotonic();
    expect(await applyWithRestart(host, ARGS)).toMatchObject({ kind: "kept", reason: "Ready for 30 s" });
    expect(host.monotonic() - before).toBeLessThan(40_000);
    expect(host.readText("/etc/conf.d/k3s")).toContain("max-pods=50");
    expect(appliedLayer(host)).toEqual(ARGS);
    expect(restarts()).toBe(1);
  });

  it("is taken back if the node does not become Ready, and remembered", async () => {
    const { host, restarts } = running((parts, _, restarted) => {
      parts.kubelet = restarted !== 1;
    });
    await applyLive(host, NO_LAYER);
    const decision = await applyWithRestart(host, ARGS);
    expect(decision).toMatchObject({ kind: "returned", reason: expect.stringContaining("not Ready within 10 min") });
    expect(host.readText("/etc/conf.d/k3s")).not.toContain("max-pods");
    expect(appliedLayer(host)).toEqual(NO_LAYER);
    expect(restarts()).toBe(2);
    expect(await refusalOfRevision(host, ARGS.revision)).toMatchObject({ reason: decision.reason });
  });

  it("is not blamed for what was wrong before it", async () => {
    const { host } = running((parts) => {
      parts.api = undefined;
    });
    await applyLive(host, NO_LAYER);
    expect(await applyWithRestart(host, ARGS)).toMatchObject({
      kind: "kept",
      reason: expect.stringContaining("it was not better before"),
    });
  });

  it("is asked for again if the process that watched it has ended", async () => {
    const { host, restarts } = running();
    await applyLive(host, NO_LAYER);
    await beginRestart(host, ARGS);
    const plan = planConfigs(host, [], {});
    expect(plan).toMatchObject({ effect: "Restart", layer: NO_LAYER });
    expect(await applyWithRestart(host, plan.layer)).toMatchObject({ kind: "kept" });
    expect(host.readText("/etc/conf.d/k3s")).not.toContain("max-pods");
    expect(restarts()).toBe(2);
    expect(planConfigs(host, [], {}).effect).toBeUndefined();
  });
});

describe("a change that a machine goes down with", () => {
  const restart = { ...planFor(ARGS), effect: "Restart" } as const;
  const live = { ...planFor(OLD), effect: "Live" } as const;
  const boot = (host: Host, number: number) => host.write(BOOT_ID, `boot-${number}\n`);

  it("is tried again after a power cut, and given up when that was none", async () => {
    const { host } = running();
    await beginRestart(host, ARGS);
    boot(host, 2);
    expect(await wantedLayer(host, restart)).not.toHaveProperty("refused");
    await beginRestart(host, ARGS);
    await beginRestart(host, ARGS); // by an agent that was started again
    boot(host, 3);
    const refused = expect.stringContaining("was given up: the machine went down 2 times while it was applied");
    expect(await wantedLayer(host, restart)).toMatchObject({ refused });
    expect(await wantedLayer(host, live)).not.toHaveProperty("refused");
    forgetTries(host);
    expect(await wantedLayer(host, restart)).not.toHaveProperty("refused");
  });

  it("is given up as well if k3s was not to be restarted for it", async () => {
    const { host } = running();
    for (const number of [1, 2]) {
      boot(host, number);
      // The first change is the note, the second one the sync of it.
      await expect(applyLive(cutBefore(host, 3), OLD)).rejects.toThrow(PowerCut);
    }
    boot(host, 3);
    expect(await wantedLayer(host, live)).toHaveProperty("refused");
  });

  it("is not given up for what failed while the machine went on", async () => {
    const { host } = running();
    const write: Host["write"] = (path, ...content) => {
      if (path === layerPath(undefined)) throw new Error("the disk is full");
      host.write(path, ...content);
    };
    for (const number of [1, 2]) {
      boot(host, number);
      await expect(applyLive({ ...host, write }, OLD)).rejects.toThrow("the disk is full");
    }
    boot(host, 3);
    expect(await wantedLayer(host, live)).not.toHaveProperty("refused");
  });

  it("is not blamed for boots that end later", async () => {
    const { host } = running();
    for (const number of [1, 2, 3]) {
      boot(host, number);
      await applyWithRestart(host, ARGS);
      await applyLive(host, OLD);
    }
    boot(host, 4);
    expect(await wantedLayer(host, restart)).not.toHaveProperty("refused");
  });
});
