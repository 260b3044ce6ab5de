import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { mount, mountAll } from "./mount.ts";

/** Writable and, on a live system, in memory; each begins as the image has it. */
const COPIED = ["var", "home", "opt"];

/**
 * Makes the few writable places of a live system: `/etc` as an overlay, `/var`, `/home` and `/opt` as plain
 * directories of one tmpfs. They are no overlays, because containerd stacks its own overlay on `/var`, and the kernel
 * refuses an overlay as the upper layer of another (Documentation/filesystems/overlayfs.rst). The rest of the root stays
 * read-only, for root too.
 */
export async function layOutWritablePlaces(host: Host, sysroot: string): Promise<void> {
  const memory = "/run/k3os/live";
  await mount(host, { type: "tmpfs", source: "k3os-live", target: memory, options: "nodev,mode=755,size=75%" });
  for (const place of ["etc", "work"]) host.mkdir(`${memory}/${place}`);
  await run(host, ["cp", "-a", ...COPIED.map((place) => `${sysroot}/${place}`), memory]);
  await mountAll(host, [
    {
      type: "overlay",
      source: "etc",
      target: `${sysroot}/etc`,
      options: `lowerdir=${sysroot}/etc,upperdir=${memory}/etc,workdir=${memory}/work`,
    },
    { type: "tmpfs", source: "tmp", target: `${sysroot}/tmp`, options: "nosuid,nodev,mode=1777" },
    ...COPIED.map((place) => ({ type: "bind", source: `${memory}/${place}`, target: `${sysroot}/${place}` })),
  ]);
}
