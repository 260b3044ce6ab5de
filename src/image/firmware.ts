import { matcher } from "./glob.ts";

/** What a node knows of firmware that it does not have: a `FirmwareCatalogue` in a file of the root. */
export const FIRMWARE_CATALOGUE = "/usr/share/k3os/firmware.json";

/** From os/flavours.yaml. */
export interface FirmwareCatalogue {
  /** Patterns of the files of each of Debian's packages. */
  readonly packages: Readonly<Record<string, readonly string[]>>;
  /** Those of the flavour `metal`. */
  readonly metal: readonly string[];
}

/** A file below the directory of firmware. */
export interface FirmwareFile {
  readonly path: string;
  /** What it points to, as it is written there, if it is a link. */
  readonly target?: string | undefined;
}

/** The name that a driver asks for, of a file that may be compressed, as the kernel reads it. */
export function uncompressed(path: string): string {
  return path.replace(/\.(xz|zst)$/, "");
}

/**
 * Of `files`, the paths that the drivers load which ask for `asked`, with the targets of links. Drivers declare what
 * they ask for (`modinfo -F firmware`): a name, a pattern with `*`, or only the newest version of a file, though they
 * take an older one: `iwlwifi-cc-a0-77.ucode`. A file may be compressed (`.xz`, `.zst`), as the kernel reads it.
 */
export function neededFirmware(asked: readonly string[], files: readonly FirmwareFile[]): ReadonlySet<string> {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const byName = new Map(files.map(({ path }) => [uncompressed(path), path]));
  const names = [...byName.keys()];
  const needed = new Set<string>();
  const add = (path: string): boolean => {
    const file = byPath.get(path);
    if (file === undefined) return false;
    if (needed.has(path)) return true;
    if (file.target !== undefined && !add(resolved(path, file.target))) return false;
    needed.add(path);
    return true;
  };
  for (const name of new Set(asked)) {
    const found = name.includes("*") ? names.filter(matcher([name])) : [nameOrOlder(name, names, byName)];
    for (const one of found) add(byName.get(one ?? "") ?? "");
  }
  return needed;
}

/** The file of that name; else its newest version that is older; else the one of that name without a version. */
function nameOrOlder(name: string, names: readonly string[], all: ReadonlyMap<string, unknown>): string | undefined {
  if (all.has(name)) return name;
  const [, stem, version, extension] = VERSIONED.exec(name) ?? [];
  if (stem === undefined) return undefined;
  const older = names.flatMap((other) => {
    const [, otherStem, otherVersion, otherExtension] = VERSIONED.exec(other) ?? [];
    const isOlder = otherStem === stem && otherExtension === extension && Number(otherVersion) < Number(version);
    return isOlder ? [{ name: other, version: Number(otherVersion) }] : [];
  });
  return older.sort((a, b) => b.version - a.version)[0]?.name ?? `${stem}${extension}`;
}

const VERSIONED = /^(.+)-(\d+)(\.\w+)$/;

/** What the link at `path` points to, as a path below the directory of firmware. */
function resolved(path: string, target: string): string {
  const parts = target.startsWith("/") ? [] : path.split("/").slice(0, -1);
  for (const part of target.replace(/^\/(usr\/)?lib\/firmware\//, "").split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "." && part !== "") parts.push(part);
  }
  return parts.join("/");
}

/** The package of Debian that has a firmware file, by patterns of the files of each. */
export function packageOf(file: string, packages: Readonly<Record<string, readonly string[]>>): string | undefined {
  return Object.entries(packages).find(([, patterns]) => matcher(patterns)(file))?.[0];
}
