import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { IMAGE_FILES } from "../../image/disk.ts";
import { inStep, type Progress } from "../../progress.ts";
import { formatBytes } from "../format-bytes.ts";
import { watch } from "../watch.ts";
import type { SourceImage } from "./image.ts";

/**
 * Copies the files of an image into `directory`, which is made if it is missing. Nothing is synced: unmounting or
 * sync(1) does that.
 */
export async function copyImage(host: Host, image: SourceImage, directory: string, progress: Progress): Promise<void> {
  host.mkdir(directory);
  let copied = 0;
  await inStep(
    progress,
    "Copy the image",
    async (step) => {
      for (const name of IMAGE_FILES) {
        const target = `${directory}/${name}`;
        await watch(host, run(host, ["cp", `${image.directory}/${name}`, target]), target, (bytes) => {
          const all = copied + bytes;
          const percent = Math.min(100, Math.floor((all / image.size) * 100));
          step.update(`${formatBytes(all)} of ${formatBytes(image.size)}, ${percent} %`);
        });
        copied += host.stat(target)?.size ?? 0;
      }
    },
    () => formatBytes(copied),
  );
}
