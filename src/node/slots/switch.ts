import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { type Slot, slotDirectory, slotLink } from "../../image/disk.ts";

/** The version in a slot of the state partition mounted at `root`; `undefined` if the slot is empty. */
export function slotVersion(host: Host, root: string, slot: Slot): string | undefined {
  const link = `${root}${slotLink(slot)}`;
  return host.stat(link)?.type === "link" ? host.readLink(link) : undefined;
}

/** Name of the directory for an image whose version is in use: `switchTo` gives it the version's own name. */
export const besideVersion = (version: string) => `${version}.new`;

/**
 * Makes the image in `directory` (below `root`, from `copyToSlot`) the one that boots, and the one before it
 * `previous`. At every moment both links name a whole directory; files move by hard links. Everything is synced, but
 * GRUB sees it only after the file system was unmounted or frozen (fsfreeze(8)).
 */
export async function switchTo(host: Host, root: string, version: string, directory: string): Promise<void> {
  const own = slotDirectory(version);
  const before = slotVersion(host, root, "current");
  const link = (slot: Slot, target: string) => host.symlink(target, `${root}${slotLink(slot)}`);
  const sync = () => run(host, ["sync", "-f", root]);
  await sync();
  if (before !== undefined && before !== version && before !== besideVersion(version)) link("previous", before);
  if (directory !== own) {
    link("current", besideVersion(version));
    await sync();
    host.remove(`${root}${own}`);
    await run(host, ["cp", "-al", `${root}${directory}`, `${root}${own}`]);
  }
  link("current", version);
  await sync();
  host.remove(`${root}${slotDirectory(besideVersion(version))}`);
}
