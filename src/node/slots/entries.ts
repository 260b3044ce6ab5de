import { parentOf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import type { DiskEntry } from "../../image/disk.ts";

/** Writes files and links below `root`, in order. The entries that make the others take effect must come last. */
export function writeEntries(host: Host, root: string, entries: readonly DiskEntry[]): void {
  for (const entry of entries) {
    const path = `${root}${entry.path}`;
    host.mkdir(parentOf(path));
    if ("target" in entry) host.symlink(entry.target, path);
    else host.write(path, entry.text, { mode: entry.mode ?? 0o644 });
  }
}
