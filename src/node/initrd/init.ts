import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { SYSTEM } from "../../image/disk.ts";
import { reached } from "../stages.ts";
import { type BootArguments, bootArguments } from "./boot-arguments.ts";
import { coldplug, FAST_BUSES, loadModules } from "./coldplug.ts";
import { findVolumes, type Volumes } from "./find-volumes.ts";
import { mount, mountAll } from "./mount.ts";
import { preparePersistent } from "./persistent.ts";
import { enterRescueShell } from "./rescue.ts";
import { mountState, STATE } from "./state.ts";
import { layOutInMemory, layOutOnDisk } from "./writable.ts";

/** Where the root is put together before it becomes `/`. */
const SYSROOT = "/sysroot";
/** Where the volume that carries the image stays mounted, before and after the change of root. */
export const MEDIUM = "/run/k3os/medium";

/**
 * Fetches a root into the memory of this machine, checks it, and returns its path; through the card with the MAC address `bootCard` if
 * there is one.
 */
export type FetchRoot = (host: Host, url: string, bootCard: string | undefined) => Promise<string>;

/** Process 1's first half, in the initrd: from the kernel's hands to a root that OpenRC can run in. */
export async function init(host: Host, fetchRoot: FetchRoot = refuseToFetch): Promise<void> {
  await mountKernelFileSystems(host);
  const usual = helpKernel(host, "/bin/modprobe");
  const boot = bootArguments(host.readText("/proc/cmdline"));
  reached(host, "init", boot.debug);
  if (boot.rescue) await enterRescueShell(host);

  const fileSystems = loadFileSystems(host, boot);
  const volumes = await findVolumes(host, boot);
  // What is no disk is not waited for, but the root's own modprobe should find this one done.
  const others = coldplug(host, { buses: FAST_BUSES });
  await fileSystems;
  if (volumes.state !== undefined) await mountState(host, volumes.state);
  await mountRoot(host, volumes, (url) => fetchRoot(host, url, boot.bootCard));
  readAhead(host, `${SYSROOT}/usr/bin/k3s`);
  if (volumes.state === undefined) await layOutInMemory(host, SYSROOT);
  else {
    const data = await preparePersistent(host, { sysroot: SYSROOT, state: STATE, wipe: boot.wipe });
    await layOutOnDisk(host, SYSROOT, data, `${STATE}${SYSTEM}`);
  }
  host.write("/run/k3os/mode", `${volumes.mode}\n`);
  await others;
  reached(host, "root", boot.debug);
  helpKernel(host, usual);
  await moveKernelFileSystems(host);
}

/**
 * Tells the kernel which program loads the modules that it misses, and returns which one it was. At its own place the initrd has none: while
 * it starts, the kernel would run it two dozen times for what is not in an initrd.
 */
function helpKernel(host: Host, modprobe: string): string {
  const path = "/proc/sys/kernel/modprobe";
  const before = host.readText(path).trim();
  host.poke(path, `${modprobe}\n`);
  return before;
}

/** The kernel would load them one by one when they are mounted; checking a module's signature takes as long as finding a disk. */
function loadFileSystems(host: Host, { root }: BootArguments): Promise<unknown> {
  const state = root?.kind === "uuid" ? ["ext4"] : [];
  const file = root?.kind === "serial" ? [] : ["loop"];
  return loadModules(host, [...state, ...file, "squashfs", "overlay"]);
}

function mountKernelFileSystems(host: Host): Promise<void> {
  const safe = "nosuid,nodev,noexec";
  return mountAll(host, [
    { type: "proc", source: "proc", target: "/proc", options: safe },
    { type: "sysfs", source: "sys", target: "/sys", options: safe },
    { type: "devtmpfs", source: "dev", target: "/dev", options: "nosuid" },
    { type: "tmpfs", source: "run", target: "/run", options: "nosuid,nodev,mode=755" },
  ]);
}

async function mountRoot(
  host: Host,
  { root, device, state }: Volumes,
  fetch: (url: string) => Promise<string>,
): Promise<void> {
  if (root.kind === "url") return mountFile(host, await fetch(root.url));
  if (root.kind === "serial") {
    await mount(host, { type: "squashfs", source: `${device}`, target: SYSROOT, options: "ro" });
    return;
  }
  if (device !== undefined && device !== state)
    await mount(host, { type: "auto", source: device, target: MEDIUM, options: "ro" });
  await mountFile(host, `${device === state ? STATE : MEDIUM}${root.path}`);
}

async function mountFile(host: Host, path: string): Promise<void> {
  await mount(host, { type: "squashfs", source: path, target: SYSROOT, options: "ro,loop" });
  requireModules(host);
}

function refuseToFetch(): never {
  throw new K3osError("machine", "this initrd cannot fetch a root over the network", {
    hint: "Boot with the one that `./k3os build --format netboot` makes: initrd-netboot.",
  });
}

/** A kernel that the network brought needs its own modules, which lie in the root. */
function requireModules(host: Host): void {
  const release = host.readText("/proc/sys/kernel/osrelease").trim();
  if (host.stat(`${SYSROOT}/usr/lib/modules/${release}`)) return;
  throw new K3osError("machine", `the root has no modules for the kernel that runs, ${release}`, {
    hint: "Kernel, initrd and root must be of one image: upgrade what the boot server hands out, or the disk.",
  });
}

/**
 * Has a large program decompressed into the page cache on a processor that the boot does not use. Nobody waits for it: it goes on
 * after the change of root, and the kernel drops the pages again when it needs the memory.
 */
function readAhead(host: Host, path: string): void {
  void host.exec(["sh", "-c", 'exec cat "$0" >/dev/null', path], { inherit: true });
}

function moveKernelFileSystems(host: Host): Promise<void> {
  const places = ["/proc", "/sys", "/dev", "/run"];
  return mountAll(
    host,
    places.map((place) => ({ type: "move", source: place, target: `${SYSROOT}${place}` })),
  );
}
