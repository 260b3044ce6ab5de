import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Upgrader } from "../../build/upgrader.ts";
import type { ImageJson } from "../../image/image-json.ts";
import type { Io } from "../io.ts";
import { withProgress } from "../progress/index.ts";

/** The layer with the command of the container image, from the packages that the image in a directory was built of. */
export async function upgraderFor(image: string, json: boolean, io: Io): Promise<Upgrader> {
  const { buildUpgrader } = await import("../../build/index.ts");
  const lock = join(image, "lock.json");
  const described = readFileSync(join(image, "image.json"), "utf8");
  const { architecture } = JSON.parse(described) as Pick<ImageJson, "architecture">;
  return withProgress(io, json, (progress) =>
    buildUpgrader({ ...{ architecture, progress, signal: io.signal }, ...(existsSync(lock) && { lock }) }),
  );
}
