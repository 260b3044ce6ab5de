import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Upgrader } from "../../build/upgrader.ts";
import type { Io } from "../io.ts";
import { withProgress } from "../progress/index.ts";
import { describedIn } from "./publish.ts";

/** The layer with the command of the container image, from the packages that the image in a directory was built of. */
export async function upgraderFor(image: string, json: boolean, io: Io): Promise<Upgrader> {
  const { architecture } = describedIn(image).json;
  const { buildUpgrader } = await import("../../build/index.ts");
  const lock = join(image, "lock.json");
  return withProgress(io, json, (progress) =>
    buildUpgrader({ ...{ architecture, progress, signal: io.signal }, ...(existsSync(lock) && { lock }) }),
  );
}
