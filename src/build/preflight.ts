import { existsSync, mkdirSync, statfsSync } from "node:fs";
import { resolve } from "node:path";
import { K3osError } from "../errors.ts";
import type { ImageSpec } from "../image/spec.ts";
import { runCommand } from "../process/run.ts";

/** What a build needs at most, as measured. Most of the first one is the Go compiler's: modules, cache, work. */
const coldBytes = 13e9;
const warmBytes = 1.5e9;

/** Every file that the spec names must be there. */
export function checkSpecFiles(spec: ImageSpec, directory: string): void {
  for (const path of namedFiles(spec)) {
    if (existsSync(resolve(directory, path))) continue;
    throw new K3osError("config", `The image spec names ${path}, which is not there.`, {
      hint: `Relative paths are meant from ${directory}.`,
    });
  }
}

/** Files of the user's that go into the image. */
export function namedFiles({ images, manifests, files }: ImageSpec): string[] {
  return [...images, ...manifests, ...files.flatMap(({ source }) => source ?? [])];
}

/** Refuses at once, with a way out, what would fail after minutes. */
export async function checkHost(cache: string, warm: boolean, signal?: AbortSignal): Promise<void> {
  mkdirSync(cache, { recursive: true });
  const { bavail, bsize } = statfsSync(cache);
  const [free, needed] = [bavail * bsize, warm ? warmBytes : coldBytes];
  if (free < needed) {
    const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(1);
    throw new K3osError(
      "host",
      `Not enough disk space for a build: ${gigabytes(free)} GB of ${gigabytes(needed)} GB are free at ${cache}.`,
      {
        hint: "Free some space, or let XDG_CACHE_HOME point to a larger disk.",
      },
    );
  }
  for (const [program, name] of [
    ["apt-get", "apt"],
    ["dpkg-deb", "dpkg"],
    ["flock", "util-linux"],
  ] as const) {
    await runCommand([program, "--version"], signal ? { signal } : {}).catch((cause) => {
      if (cause instanceof K3osError) throw cause;
      throw new K3osError("host", `${program} is missing: the image is made of Debian packages.`, {
        hint: `Build on Debian or Ubuntu, or install ${name}.`,
        cause,
      });
    });
  }
}
