import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { MEDIUM, RUN, STATE } from "../places.ts";
import { noteTrialStage } from "../slots/note.ts";
import { bootError, stagesOf } from "../stages.ts";
import { armWatchdog } from "../trial/watchdog.ts";
import { type BootArguments, bootArguments } from "./boot-arguments.ts";
import { coldplug, FAST_BUSES, loadModules } from "./coldplug.ts";
import { mountDevFiles } from "./dev-files.ts";
import { findVolumes, type Volumes } from "./find-volumes.ts";
import { mount, mountAll } from "./mount.ts";
import { seedPersistent, wipeIfAsked } from "./persistent.ts";
import { enterRescueShell } from "./rescue.ts";
import { errorsNoted, mountState, repairMounted } from "./state.ts";
import { copySeeds, MEMORY, mountMemory, mountOnDisk, mountWritablePlaces, protectImages } from "./writable.ts";

/** Where the root is assembled before it becomes `/`. */
const SYSROOT = "/sysroot";

/**
 * Fetches a root into memory, checks it, and returns its path. Uses the card with the MAC address `bootCard` if there
 * is one.
 */
export type FetchRoot = (host: Host, url: string, bootCard: string | undefined) => Promise<string>;

/** The first half of process 1, in the initrd: from the start of the kernel to a root that OpenRC can run in. */
export async function init(host: Host, fetchRoot: FetchRoot = refuseToFetch): Promise<void> {
  const stages = stagesOf(host, "initrd");
  const { stage, reached } = stages;
  // Without these there is no root, or not the requested one.
  const essential = {
    mayFail: false,
    hint: "dmesg may tell why. Restart, or choose the previous system in the boot menu.",
  } as const;
  // A node that lacks one of these can still be reached, and reports it.
  const optional = { mayFail: true } as const;

  await stage("kernel file systems", essential, () => mountKernelFileSystems(host));
  const boot = await stage("kernel arguments", essential, () => bootArguments(host.readText("/proc/cmdline")));
  stages.debug = boot.debug;
  reached("init");
  // Before anything that may hang. A rescue shell is left when its user is done.
  if (boot.trial && !boot.rescue) await stage("watchdog", optional, () => armWatchdog(host));
  const defaultModprobe = await stage("modprobe of the initrd", optional, () => setModprobe(host, "/bin/modprobe"));
  if (boot.rescue) await stage("rescue shell", optional, () => enterRescueShell(host));

  const fileSystems = stage("file system modules", optional, () => loadFileSystems(host, boot));
  const volumes = await stage("volumes", essential, () => findVolumes(host, boot));
  // These drivers are not for disks, so nothing here waits for them. They should be loaded before the root starts its
  // own modprobe.
  const otherDrivers = stage("drivers of virtual devices", optional, () => coldplug(host, { buses: FAST_BUSES }));
  await fileSystems;
  const { state } = volumes;
  if (state !== undefined) {
    await stage("state partition", essential, () => mountState(host, state));
    const errors = await stage("errors of the state partition", optional, () => errorsNoted(host, state));
    if (errors) await stage("repair of the state partition", essential, () => repairMounted(host, state));
    if (boot.trial) await stage("note of the trial", optional, () => noteTrialStage(host, "initrd"));
  }
  await stage("root image", essential, () => mountRoot(host, volumes, (url) => fetchRoot(host, url, boot.bootCard)));
  if (boot.dev) await stage("files of the working tree", essential, () => mountDevFiles(host, SYSROOT));
  await stage("read ahead", optional, () => readAhead(host, `${SYSROOT}/usr/bin/k3s`));

  await stage("memory for what is written", essential, () => mountMemory(host, state === undefined ? "75%" : "25%"));
  if (state === undefined) {
    await stage("copy of what is writable", optional, () => copySeeds(host, SYSROOT, MEMORY));
    await stage("writable places", essential, () => mountWritablePlaces(host, SYSROOT, MEMORY));
  } else {
    await stage("wipe", optional, () => wipeIfAsked(host, STATE, boot.wipe));
    await stage("copy of what is writable", optional, () => seedPersistent(host, { sysroot: SYSROOT, state: STATE }));
    await stage("writable places", essential, () => mountOnDisk(host, SYSROOT, STATE));
    await stage("read-only images", optional, () => protectImages(host, SYSROOT));
  }
  await stage("mode", optional, () => host.write(`${RUN}/mode`, `${volumes.mode}\n`));
  await otherDrivers;
  await stage("modprobe of the root", optional, () => setModprobe(host, defaultModprobe ?? "/sbin/modprobe"));
  reached("root");
  // Not a stage, because the file with the notes of stages moves, too.
  await moveKernelFileSystems(host).catch((error) => {
    throw bootError("move of the kernel file systems", error, essential.hint);
  });
}

/**
 * Sets the program that the kernel runs to load missing modules, and returns the previous one. The initrd keeps
 * modprobe at /bin/modprobe, not at the kernel's default path. Until this is called, the kernel would start it two
 * dozen times for modules that are not in an initrd.
 */
function setModprobe(host: Host, modprobe: string): string {
  const path = "/proc/sys/kernel/modprobe";
  const before = host.readText(path).trim();
  host.poke(path, `${modprobe}\n`);
  return before;
}

/**
 * Loads the drivers of the file systems that this boot mounts. Otherwise the kernel would load each one when it is
 * mounted. Checking a module's signature takes as long as finding a disk, so both are done at the same time.
 */
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

/** A kernel from the network needs its own modules, which are in the root. */
function requireModules(host: Host): void {
  const release = host.readText("/proc/sys/kernel/osrelease").trim();
  if (host.stat(`${SYSROOT}/usr/lib/modules/${release}`)) return;
  throw new K3osError("machine", `the root has no modules for the kernel that runs, ${release}`, {
    hint: "Kernel, initrd and root must be of one image: upgrade what the boot server hands out, or the disk.",
  });
}

/**
 * Starts to read a large program, so that another processor decompresses it into the page cache during this boot.
 * Nothing waits for it. It continues after the change of root, and the kernel drops the pages when it needs the memory.
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
