import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { type DiskEntry, IMAGE_FILES } from "../../image/disk.ts";
import type { Progress } from "../../progress.ts";
import { watch } from "../watch.ts";
import { formatBytes } from "./disks.ts";
import type { SourceImage } from "./image.ts";

/** Copies the files of an image into `directory`, telling bytes and percent. They are on the disk when the file system is unmounted. */
export async function copyImage(host: Host, image: SourceImage, directory: string, progress: Progress): Promise<void> {
  const step = progress.step("Copy the image");
  try {
    host.mkdir(directory);
    let copied = 0;
    for (const name of IMAGE_FILES) {
      const target = `${directory}/${name}`;
      await watch(host, run(host, ["cp", `${image.directory}/${name}`, target]), target, (bytes) => {
        const all = copied + bytes;
        const percent = Math.min(100, Math.floor((all / image.size) * 100));
        step.update(`${formatBytes(all)} of ${formatBytes(image.size)}, ${percent} %`);
      });
      copied += host.stat(target)?.size ?? 0;
    }
    step.done(formatBytes(copied));
  } catch (error) {
    step.fail();
    throw error;
  }
}

/** Writes the entries below `root`, in their order: whatever makes the others count comes last. */
export function writeEntries(host: Host, root: string, entries: readonly DiskEntry[]): void {
  for (const entry of entries) {
    const path = `${root}${entry.path}`;
    host.mkdir(path.slice(0, path.lastIndexOf("/")));
    if ("target" in entry) host.symlink(entry.target, path);
    else host.write(path, entry.text, { mode: entry.mode ?? 0o644 });
  }
}
