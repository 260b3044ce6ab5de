import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { reached } from "../stages.ts";
import { bootArguments } from "./boot-arguments.ts";
import { type FoundRoot, findRoot } from "./find-root.ts";
import { mount, mountAll } from "./mount.ts";
import { enterRescueShell } from "./rescue.ts";
import { layOutWritablePlaces } from "./writable.ts";

/** Where the root is put together before it becomes `/`. */
export const SYSROOT = "/sysroot";
/** Where the volume that carries the image stays mounted, before and after the change of root. */
export const MEDIUM = "/run/k3os/medium";

/** Process 1's first half, in the initrd: from the kernel's hands to a root that OpenRC can run in. */
export async function init(host: Host): Promise<void> {
  await mountKernelFileSystems(host);
  const boot = bootArguments(host.readText("/proc/cmdline"));
  reached(host, "init", boot.debug);
  if (boot.mode === "shell") await enterRescueShell(host);

  const root = await findRoot(host, boot);
  await mountRoot(host, root);
  readAhead(host, `${SYSROOT}/usr/bin/k3s`);
  await layOutWritablePlaces(host, SYSROOT);
  host.write("/run/k3os/mode", `${boot.mode}\n`);
  reached(host, "root", boot.debug);
  await moveKernelFileSystems(host);
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

async function mountRoot(host: Host, { device, source }: FoundRoot): Promise<void> {
  if (source.kind === "serial" && device) {
    await mount(host, { type: "squashfs", source: device, target: SYSROOT, options: "ro" });
    return;
  }
  let file = source.kind === "initrd" ? source.path : "";
  if (source.kind === "label" && device) {
    await mount(host, { type: "auto", source: device, target: MEDIUM, options: "ro" });
    file = `${MEDIUM}${source.path}`;
  }
  await run(host, ["modprobe", "loop"]);
  await mount(host, { type: "squashfs", source: file, target: SYSROOT, options: "ro,loop" });
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
