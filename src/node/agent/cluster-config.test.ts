import { beforeEach, describe, expect, it } from "vitest";
import { type MemoryHost, memoryHost } from "../../host/memory.ts";
import { machineConfig } from "../../management/testing.ts";
import { catchPrinted } from "../testing.ts";
import { type ClusterConfig, clusterConfig } from "./cluster-config.ts";

catchPrinted();

const swappiness = "/proc/sys/vm/swappiness";
const asked = machineConfig("10-a", { k3os: { sysctls: { "vm.swappiness": 1 }, labels: { zone: "a" } } });

/** A live node without a config of its own. */
const node = (): MemoryHost =>
  memoryHost({
    files: {
      "/run/k3os/mode": "live\n",
      "/proc/cmdline": "quiet\n",
      "/proc/sys/kernel/random/boot_id": "boot-1\n",
      "/proc/mounts": "",
      [swappiness]: "60\n",
      "/usr/share/k3os/image.json": '{ "version": "1" }',
      ...{ "/etc/passwd": "", "/etc/group": "", "/etc/shadow": "", "/etc/environment": "" },
    },
    programs: { sync: () => ({}), "rc-service": () => ({}) },
  });

describe("what MachineConfigs ask of a node", () => {
  let host: MemoryHost;
  let config: ClusterConfig;
  const view = (configs = [asked], repair = false) => config.view(configs, { name: "a" }, undefined, repair);

  beforeEach(() => {
    host = node();
    config = clusterConfig(host);
  });

  it("is wanted until it is applied, and told", async () => {
    const { wanted, parts } = await view();
    expect(wanted.config).toMatchObject({ effect: "Live", revision: parts.config?.desired });
    expect(parts).toMatchObject({ config: { revision: "", state: "Pending", layers: [] } });
    await config.apply(wanted.config?.revision ?? "", "Live");
    expect(host.readText(swappiness)).toBe("1");
    const after = await view();
    expect(after.wanted.config).toBeUndefined();
    expect(after.parts).toMatchObject({
      config: { revision: wanted.config?.revision, state: "Current", layers: [{ name: "10-a", generation: 1 }] },
      plan: [],
    });
    expect(after.wanted.labels?.metadata.labels).toMatchObject({ zone: "a" });
  });

  it("is taken back once nobody asks for it", async () => {
    await config.apply((await view()).wanted.config?.revision ?? "", "Live");
    const { wanted } = await view([]);
    expect(wanted.config).toMatchObject({ revision: "", effect: "Live" });
    await config.apply("", "Live");
    expect((await view([])).wanted.config).toBeUndefined();
    expect(host.readText(swappiness)).toBe("60");
  });

  it("is refused with the name of the object, and the rest is applied first", async () => {
    const configs = [asked, machineConfig("20-b", { hostname: "b" })];
    const { wanted } = await view(configs);
    expect(wanted.config).not.toHaveProperty("refused");
    await config.apply(wanted.config?.revision ?? "", "Live");
    expect((await view(configs)).wanted.config).toMatchObject({
      refused: expect.stringMatching(/^MachineConfig 20-b: .*hostname/),
    });
  });

  it("cannot be applied after something else was asked for", async () => {
    const { wanted } = await view();
    await view([]);
    await expect(config.apply(wanted.config?.revision ?? "", "Live")).rejects.toMatchObject({ kind: "busy" });
  });

  it("is not planned again while nothing has changed", async () => {
    const { parts } = await view();
    expect((await view()).parts.plan).toBe(parts.plan);
    host.mkdir("/var/lib/rancher/k3os");
    host.write("/var/lib/rancher/k3os/config.yaml", "k3os: { sysctls: { vm.max_map_count: 1 } }\n");
    expect((await view()).parts.plan).not.toBe(parts.plan);
  });

  it("is repaired after drift if the pool wants that", async () => {
    await config.apply((await view()).wanted.config?.revision ?? "", "Live");
    host.poke(swappiness, "7");
    const { wanted, parts } = await view();
    expect(parts.drift).toMatchObject([{ kind: "Sysctl", path: "vm.swappiness" }]);
    expect(wanted.config).toBeUndefined();
    const repair = (await view([asked], true)).wanted.config;
    expect(repair).toMatchObject({ effect: "Live", revision: parts.config?.revision });
    await config.apply(repair?.revision ?? "", "Live");
    expect(host.readText(swappiness)).toBe("1");
    expect((await view([asked], true)).wanted.config).toBeUndefined();
  });
});
