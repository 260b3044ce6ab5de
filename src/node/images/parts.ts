import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import type { ImageJson } from "../../image/image-json.ts";

/** A file that is on this machine already and may be part of another image, too. */
export interface Part {
  /** What it should contain; that is checked before it is used. */
  readonly sha256: string;
  readonly path: string;
}

/**
 * The parts of an image that lie in `directory`, as its `image.json` says; none if there is no image. Some of them may
 * be missing.
 */
export function partsIn(host: Host, directory: string): Part[] {
  try {
    const { files = {} } = JSON.parse(readTextIf(host, `${directory}/image.json`) ?? "{}") as Partial<ImageJson>;
    return Object.entries(files)
      .map(([name, { sha256 }]) => ({ sha256, path: `${directory}/${name}` }))
      .filter(({ path }) => host.stat(path) !== undefined);
  } catch {
    // An image that cannot be read has no parts to offer.
    return [];
  }
}

/** The sha256 of a file, in hexadecimal digits. */
export async function sha256Of(host: Host, path: string): Promise<string> {
  return (await run(host, ["sha256sum", path], { background: true })).replace(/^\\/, "").split(/\s+/)[0] ?? "";
}

/** Makes `to` the same file as `from`, or on another file system a copy of it. */
export async function linkOrCopy(host: Host, from: string, to: string): Promise<void> {
  await run(host, ["sh", "-c", 'ln -f "$1" "$2" 2>/dev/null || cp "$1" "$2"', "link", from, to], { background: true });
}
