import type { BaseSpec } from "../image/spec.ts";
import type { Work } from "./steps.ts";
import type { Tools } from "./tools.ts";

export interface SquashfsOptions {
  /** Seconds since 1970 that every file carries. */
  readonly time: number;
  /** Who owns what, where it is not root; paths that do not exist are skipped by the caller. */
  readonly modes: BaseSpec["modes"];
  readonly level: number;
}

/** Packs a tree. Equal trees and options give equal bytes, whoever builds and however many processors he has. */
export async function makeSquashfs(
  work: Work,
  tree: string,
  file: string,
  tools: Tools,
  options: SquashfsOptions,
): Promise<void> {
  const definitions = options.modes.map(
    ({ path, mode, owner }) => `${path} m ${mode.toString(8)} ${owner.replace(":", " ")}`,
  );
  const { argv, env } = tools.command([
    "mksquashfs",
    tree,
    file,
    "-noappend",
    "-no-progress",
    "-quiet",
    "-comp",
    "zstd",
    "-Xcompression-level",
    `${options.level}`,
    "-b",
    "256K",
    "-no-xattrs",
    "-all-root",
    "-all-time",
    `${options.time}`,
    "-mkfs-time",
    `${options.time}`,
    "-pseudo-override",
    ...definitions.flatMap((definition) => ["-p", definition]),
    ...(work.jobs === undefined ? [] : ["-processors", `${work.jobs}`]),
  ]);
  // The environment must not bring in another time.
  await work.command(argv, { env: { ...env, SOURCE_DATE_EPOCH: undefined } });
}
