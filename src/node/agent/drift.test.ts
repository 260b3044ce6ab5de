import { describe, expect, it } from "vitest";
import { type MemoryHost, memoryHost } from "../../host/memory.ts";
import { machineArguments } from "../../image/grub.ts";
import { layerOf } from "../../management/config-layer.ts";
import { NO_LAYER } from "../../management/layer.ts";
import { installedDisk } from "../slots/testing.ts";
import { catchPrinted } from "../testing.ts";
import { appliedLayer, applyLive } from "./config.ts";
import { observeDrift } from "./drift.ts";

catchPrinted();

const LAYER = layerOf([
  {
    name: "a",
    generation: 1,
    text: "write_files: [{ path: /etc/motd, content: hi }]\nk3os: { sysctls: { vm.swappiness: 1, vm.no: 1 }, labels: { a: b } }\n",
  },
]);

/** A live node on which LAYER is applied, and two services are to run. */
async function node(): Promise<MemoryHost> {
  const host = memoryHost({
    files: {
      "/run/k3os/mode": "live\n",
      "/proc/cmdline": "quiet\n",
      "/proc/sys/kernel/random/boot_id": "boot-1\n",
      "/proc/mounts": "",
      "/proc/sys/vm/swappiness": "60\n",
      "/usr/share/k3os/image.json": '{ "version": "1" }',
      "/etc/passwd": "",
      "/etc/group": "",
      "/etc/shadow": "",
      "/run/openrc/started/booted": "",
      "/run/openrc/started/k3s": "",
      "/run/openrc/started/sshd": "",
      "/etc/runlevels/default/k3s": "",
      "/etc/runlevels/default/sshd": "",
      "/etc/runlevels/default/k3os-trial": "",
    },
    programs: { sync: () => ({}), "rc-service": () => ({}) },
  });
  await applyLive(host, LAYER);
  host.remove("/run/k3os/k3s-outdated");
  return host;
}

describe("drift", () => {
  it("is none after the config was applied, but for what failed", async () => {
    expect(await observeDrift(await node())).toEqual([]);
  });

  it.each<[string, (host: MemoryHost) => void, { kind: string; path: string }]>([
    ["a file", (host) => host.write("/etc/motd", "x"), { kind: "File", path: "/etc/motd" }],
    ["its mode", (host) => host.chmod("/etc/motd", 0o600), { kind: "File", path: "/etc/motd" }],
    ["a sysctl", (host) => host.poke("/proc/sys/vm/swappiness", "7"), { kind: "Sysctl", path: "vm.swappiness" }],
    ["arguments of k3s", (host) => host.write("/etc/conf.d/k3s", ""), { kind: "File", path: "/etc/conf.d/k3s" }],
    ["a service", (host) => host.remove("/run/openrc/started/sshd"), { kind: "Service", path: "sshd" }],
    [
      "a layer of the node's own",
      (host) => host.write("/var/lib/rancher/k3os/config.yaml", "hostname: b\n"),
      { kind: "Config", path: "config.yaml" },
    ],
  ])("is %s that was changed", async (_, change, want) => {
    const host = await node();
    change(host);
    expect(await observeDrift(host)).toEqual([want]);
  });

  it("is gone once it is repaired", async () => {
    const host = await node();
    host.write("/etc/motd", "x");
    await applyLive(host, appliedLayer(host));
    expect(await observeDrift(host)).toEqual([]);
    expect(host.readText("/etc/motd")).toBe("hi");
  });

  it("starts no program when nothing has changed, and plans nothing anew", async () => {
    const host = await node();
    await applyLive(host, layerOf([{ name: "a", generation: 1, text: "k3os: { sysctls: { vm.swappiness: 1 } }\n" }]));
    host.remove("/run/k3os/k3s-outdated");
    expect(await observeDrift(host)).toEqual([]);
    const ran = host.ran.length;
    const looked: string[] = [];
    const watching = {
      ...host,
      readText: (path: string) => {
        looked.push(path);
        return host.readText(path);
      },
    };
    expect(await observeDrift(watching)).toEqual([]);
    expect(host.ran.length).toBe(ran);
    expect(looked).not.toContain("/run/k3os/plan.json");
  });

  it("is a word of the kernel's command line that neither image nor machine ask for", async () => {
    const host = await installedDisk();
    host.write("/run/k3os/mode", "local\n");
    host.write("/esp/K3OS/MACHINE.CFG", machineArguments(["console=ttyS1"]));
    for (const path of ["/etc/passwd", "/etc/group", "/etc/shadow"]) {
      host.mkdir("/etc");
      host.write(path, "");
    }
    const line = host.readText("/proc/cmdline").trim();
    host.write("/run/k3os/trial-kept", "");
    const bootedWith = async (words: string) => {
      host.write("/proc/cmdline", `${line} ${words}\n`);
      await applyLive(host, NO_LAYER);
      return observeDrift(host);
    };
    expect(await bootedWith("nosmt gpt console=ttyS1 k3os.trial panic=10")).toEqual([]);
    expect(await bootedWith("gpt console=ttyS1 rescue")).toEqual([
      { kind: "KernelArgument", path: "nosmt" },
      { kind: "KernelArgument", path: "rescue" },
    ]);
    const ran = host.ran.length;
    await observeDrift(host);
    expect(host.ran.length).toBe(ran);
  });
});
