import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { type Mount, mount, mountAll } from "./mount.ts";

/** Writable places that begin as the image has them. `/usr/local` is `/var/local`, as in old k3OS. */
const COPIED = ["var", "home", "opt"];

const MEMORY = "/run/k3os/live";

/** What is written is gone at the next boot: everything is in one tmpfs. */
export async function layOutInMemory(host: Host, sysroot: string): Promise<void> {
  await mountMemory(host, "75%");
  await copySeeds(host, sysroot, MEMORY);
  await mountAll(host, writablePlaces(sysroot, MEMORY));
}

/** What is written outside of `/etc` and `/tmp` is kept in `data`; the images are visible at `system`, read-only. */
export async function layOutOnDisk(host: Host, sysroot: string, data: string, system: string): Promise<void> {
  await mountMemory(host, "25%");
  const target = `${sysroot}/k3os/system`;
  await mountAll(host, [...writablePlaces(sysroot, data), { type: "bind", source: system, target }]);
  // A bind mount begins with the options of its source (mount(8)).
  await mount(host, { type: "none", source: "none", target, options: "remount,bind,ro" });
}

/** Copies what the writable places begin as; files that are there stay when `keep` is set. */
export async function copySeeds(host: Host, sysroot: string, to: string, { keep = false } = {}): Promise<void> {
  const cp = ["cp", "-a", ...(keep ? ["-n"] : [])];
  await run(host, [...cp, ...COPIED.map((place) => `${sysroot}/${place}`), to]);
  if (host.list(`${sysroot}/usr/local`).length > 0) await run(host, [...cp, `${sysroot}/usr/local`, `${to}/var`]);
}

async function mountMemory(host: Host, size: string): Promise<void> {
  const options = `nodev,mode=755,size=${size}`;
  await mount(host, { type: "tmpfs", source: "k3os-live", target: MEMORY, options });
  for (const place of ["etc", "work"]) host.mkdir(`${MEMORY}/${place}`);
}

/**
 * `/etc` is an overlay in memory, the others are plain directories: containerd stacks its own overlay on `/var`, and the kernel
 * refuses an overlay as the upper layer of another (Documentation/filesystems/overlayfs.rst). The rest of the root stays
 * read-only, for root too.
 */
function writablePlaces(sysroot: string, base: string): Mount[] {
  const etc = `lowerdir=${sysroot}/etc,upperdir=${MEMORY}/etc,workdir=${MEMORY}/work`;
  const bind = (place: string, target: string): Mount => ({
    type: "bind",
    source: `${base}/${place}`,
    target: `${sysroot}/${target}`,
  });
  return [
    { type: "overlay", source: "etc", target: `${sysroot}/etc`, options: etc },
    { type: "tmpfs", source: "tmp", target: `${sysroot}/tmp`, options: "nosuid,nodev,mode=1777" },
    ...COPIED.map((place) => bind(place, place)),
    bind("var/local", "usr/local"),
  ];
}
