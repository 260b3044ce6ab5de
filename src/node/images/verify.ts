import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { IMAGE_FILES } from "../../image/disk.ts";
import type { ImageJson } from "../../image/image-json.ts";
import { inStep, type Progress } from "../../progress.ts";
import { formatBytes } from "../format-bytes.ts";
import type { OnDescribed, SourceImage } from "./image.ts";
import { sha256Of } from "./parts.ts";

export interface VerifyOptions {
  /** What the user can do about a damaged file, as a hint. */
  readonly ifDamaged: string;
  /** Called before the sums are checked. What it throws ends the work. */
  readonly onDescribed?: OnDescribed | undefined;
  readonly progress: Progress;
}

/**
 * Reads `image.json` of the image in `directory` and checks the other files against it. Throws `integrity` if anything
 * differs.
 */
export async function verifyImage(
  host: Host,
  directory: string,
  { ifDamaged, onDescribed, progress }: VerifyOptions,
): Promise<Omit<SourceImage, "signer">> {
  const path = `${directory}/image.json`;
  const json = parseImageJson(host.readText(path), path);
  const digest = `sha256:${await sha256Of(host, path)}`;
  onDescribed?.({ json, digest });
  const size = sizeOf(json);
  return inStep(
    progress,
    `Check the image ${json.version}`,
    async () => {
      const paths = Object.keys(json.files ?? {}).map((name) => [name, `${directory}/${name}`]);
      await checkSums(host, Object.fromEntries(paths), json, { hint: ifDamaged });
      return { directory, json, size, digest };
    },
    () => formatBytes(size),
  );
}

/**
 * Compares files with what `json` says of them. `paths` has their paths by their names in the image. Throws `integrity`
 * naming the first that differs, with `hint` as the way out. `fromDisk` reads the disk and not the page cache.
 */
export async function checkSums(
  host: Host,
  paths: Readonly<Record<string, string>>,
  json: ImageJson,
  { hint, fromDisk = false }: { readonly hint: string; readonly fromDisk?: boolean },
): Promise<void> {
  const files = Object.entries(paths).map(([name, path]) => ({ path, size: -1, sha256: "", ...json.files?.[name] }));
  for (const { path, size } of files) {
    const found = host.stat(path)?.size;
    if (found !== size) throw damaged(path, `${size} bytes`, `${found ?? 0}`, hint);
  }
  const sumOf = fromDisk ? sumFromDisk : sha256Of;
  for (const { path, sha256 } of files) {
    const sum = await sumOf(host, path);
    if (sum !== sha256) throw damaged(path, `sha256 ${sha256}`, sum, hint);
  }
}

/** O_DIRECT (open(2)): what the disk returns, although the page cache has what was written. */
async function sumFromDisk(host: Host, path: string): Promise<string> {
  const read = 'set -o pipefail; dd if="$0" bs=1048576 iflag=direct | sha256sum';
  return firstWord(await run(host, ["sh", "-c", read, path]));
}

const firstWord = (text: string) => text.split(/\s+/)[0] ?? "";

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
