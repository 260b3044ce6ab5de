import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { IMAGE_FILES } from "../../image/disk.ts";
import type { ImageJson } from "../../image/image-json.ts";
import { inStep, type Progress } from "../../progress.ts";
import { formatBytes } from "../format-bytes.ts";
import type { SourceImage } from "./image.ts";
import { sha256Of } from "./parts.ts";

/**
 * Reads `image.json` of the image in `directory` and checks the other files against it. Throws `integrity` if anything
 * differs; `hint` says what the user can do about a damaged file.
 */
export function verifyImage(
  host: Host,
  directory: string,
  hint: string,
  progress: Progress,
): Promise<Omit<SourceImage, "signer">> {
  const path = `${directory}/image.json`;
  const json = parseImageJson(host.readText(path), path);
  const size = sizeOf(json);
  return inStep(
    progress,
    `Check the image ${json.version}`,
    async () => {
      await checkSums(host, directory, json, hint);
      return { directory, json, size, digest: `sha256:${await sha256Of(host, path)}` };
    },
    () => formatBytes(size),
  );
}

/**
 * Compares the files in `directory` with what `json` says. Throws `integrity` naming the first that differs, with
 * `hint` as the way out.
 */
export async function checkSums(host: Host, directory: string, json: ImageJson, hint: string): Promise<void> {
  const files = Object.entries(json.files ?? {});
  for (const [name, { size }] of files) {
    const found = host.stat(`${directory}/${name}`)?.size;
    if (found !== size) throw damaged(`${directory}/${name}`, `${size} bytes`, `${found ?? 0}`, hint);
  }
  const names = files.map(([name]) => `${directory}/${name}`);
  const sums = (await run(host, ["sha256sum", ...names])).split("\n").map((line) => line.split(/\s+/)[0]);
  for (const [index, [name, { sha256 }]] of files.entries()) {
    if (sums[index] !== sha256) throw damaged(`${directory}/${name}`, `sha256 ${sha256}`, `${sums[index]}`, hint);
  }
}

function damaged(path: string, expected: string, got: string, hint: string): K3osError {
  return new K3osError("integrity", `${path} is damaged: expected ${expected}, got ${got}`, { hint });
}

/** Bytes of the files that `image.json` lists. */
export function sizeOf({ files = {} }: ImageJson): number {
  return Object.values(files).reduce((sum, file) => sum + file.size, 0);
}

/** Reads an `image.json`; `path` is what messages call it. Throws `integrity` if it is none that this version knows. */
export function parseImageJson(text: string, path: string): ImageJson {
  try {
    const json = JSON.parse(text) as ImageJson;
    const complete = IMAGE_FILES.every((name) => name === "image.json" || json.files?.[name] !== undefined);
    const known = Object.keys(json.files ?? {}).every((name) => (IMAGE_FILES as readonly string[]).includes(name));
    if (json.format === 1 && /^[\w][\w.+~-]*$/.test(json.version) && complete && known) return json;
  } catch {
    // Not JSON either: the error below covers it.
  }
  throw new K3osError("integrity", `${path} does not describe an image that this version of k3OS knows`);
}
