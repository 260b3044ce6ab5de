import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { inStep, type Progress } from "../../progress.ts";
import { formatBytes } from "../format-bytes.ts";
import { watch } from "../watch.ts";

/**
 * Copies files of an image, each from one path to another. `size` is their size together, in bytes, for the progress.
 * Nothing is synced: unmounting or sync(1) does that.
 */
export async function copyFiles(
  host: Host,
  files: readonly (readonly [from: string, to: string])[],
  size: number,
  progress: Progress,
): Promise<void> {
  let copied = 0;
  await inStep(
    progress,
    "Copy the image",
    async (step) => {
      for (const [from, to] of files) {
        await watch(host, run(host, ["cp", from, to], { background: true }), to, (bytes) => {
          const all = copied + bytes;
          const percent = Math.min(100, Math.floor((all / size) * 100));
          step.update(`${formatBytes(all)} of ${formatBytes(size)}, ${percent} %`);
        });
        copied += host.stat(to)?.size ?? 0;
      }
    },
    () => formatBytes(copied),
  );
}
