import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { DATA, SYSTEM } from "../../image/disk.ts";
import { RUN } from "../places.ts";
import { type Mount, mount, mountAll } from "./mount.ts";

/** Writable directories that start with the image's content. `/usr/local` is `/var/local`, as in old k3OS. */
const COPIED = ["var", "home", "opt"];

/** A file system in memory for `/etc`, and on a live system for everything that is written. */
export const MEMORY = `${RUN}/live`;

/** `size` as in mount(8)'s options of a tmpfs. */
export async function mountMemory(host: Host, size: string): Promise<void> {
  const options = `nodev,mode=755,size=${size}`;
  await mount(host, { type: "tmpfs", source: "k3os-live", target: MEMORY, options });
  for (const place of ["etc", "work"]) host.mkdir(`${MEMORY}/${place}`);
}

/** Copies the image's content of the writable directories to `to`. With `keep`, existing files stay as they are. */
export async function copySeeds(host: Host, sysroot: string, to: string, { keep = false } = {}): Promise<void> {
  const cp = ["cp", "-a", ...(keep ? ["-n"] : [])];
  await run(host, [...cp, ...COPIED.map((place) => `${sysroot}/${place}`), to]);
  if (host.list(`${sysroot}/usr/local`).length > 0) await run(host, [...cp, `${sysroot}/usr/local`, `${to}/var`]);
}

/** Mounts the writable directories. Written files end up in `base`, except those in `/etc` and `/tmp`. */
export async function mountWritablePlaces(host: Host, sysroot: string, base: string): Promise<void> {
  await mountAll(host, writablePlaces(host, sysroot, base));
}

/**
 * Mounts the writable directories of an installed system. Files written outside of `/etc` and `/tmp` persist. The
 * images appear at `/k3os/system`.
 */
export async function mountOnDisk(host: Host, sysroot: string, state: string): Promise<void> {
  const images: Mount = { type: "bind", source: `${state}${SYSTEM}`, target: `${sysroot}${SYSTEM}` };
  await mountAll(host, [...writablePlaces(host, sysroot, `${state}${DATA}`), images]);
}

/**
 * Makes `/k3os/system` read-only. A separate step, because a bind mount starts with the options of its source
 * (mount(8)).
 */
export async function protectImages(host: Host, sysroot: string): Promise<void> {
  await mount(host, { type: "none", source: "none", target: `${sysroot}${SYSTEM}`, options: "remount,bind,ro" });
}

/**
 * `/etc` is an overlay in memory, the others are plain directories: containerd stacks its own overlay on `/var`, and
 * the kernel refuses an overlay as the upper layer of another (Documentation/filesystems/overlayfs.rst). The rest of
 * the root stays read-only, for root too.
 */
function writablePlaces(host: Host, sysroot: string, base: string): Mount[] {
  const etc = `lowerdir=${sysroot}/etc,upperdir=${MEMORY}/etc,workdir=${MEMORY}/work`;
  const bind = (place: string, target: string): Mount => ({
    type: "bind",
    source: `${base}/${place}`,
    target: `${sysroot}/${target}`,
  });
  const binds = [...COPIED.map((place) => bind(place, place)), bind("var/local", "usr/local")];
  // An empty directory is better than none if the copy failed.
  for (const { source } of binds) host.mkdir(source);
  return [
    { type: "overlay", source: "etc", target: `${sysroot}/etc`, options: etc },
    { type: "tmpfs", source: "tmp", target: `${sysroot}/tmp`, options: "nosuid,nodev,mode=1777" },
    ...binds,
  ];
}
