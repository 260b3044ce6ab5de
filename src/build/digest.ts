import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile, readlink, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

/** The identity of any value that JSON can hold: equal whatever the order of its keys. */
export function digestOf(value: unknown): string {
  return createHash("sha256").update(canonical(value)).digest("hex");
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return `{${fields
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`)
    .join()}}`;
}

export async function sha256File(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash, { signal });
  return hash.digest("hex");
}

/**
 * The identity of a file or of everything below a directory: names, contents, links, and whether a file is executable.
 * Times and owners do not count, so a fresh clone is equal to an old one. Nothing at `path` is an identity, too.
 */
export async function digestTree(path: string, skip: (name: string) => boolean = () => false): Promise<string> {
  const entry = await stat(path).catch(() => undefined);
  if (!entry) return "none";
  if (!entry.isDirectory()) return fileIdentity(path);
  const names = (await readdir(path, { withFileTypes: true })).filter(({ name }) => !skip(name));
  const parts = names.map(async (child): Promise<[string, string]> => {
    const childPath = join(path, child.name);
    if (child.isDirectory()) return [`${child.name}/`, await digestTree(childPath, skip)];
    if (child.isSymbolicLink()) return [`${child.name}@`, await readlink(childPath)];
    return [child.name, await fileIdentity(childPath)];
  });
  return digestOf(Object.fromEntries(await Promise.all(parts)));
}

async function fileIdentity(path: string): Promise<string> {
  const { size, mode } = await stat(path);
  const executable = (mode & 0o100) === 0 ? "-" : "x";
  if (size > 8 << 20) return executable + (await sha256File(path));
  return (
    executable +
    createHash("sha256")
      .update(await readFile(path))
      .digest("hex")
  );
}
