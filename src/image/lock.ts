import * as v from "valibot";
import { K3osError } from "../errors.ts";

const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "expected a sha256 sum in hexadecimal"));

const lockedPackage = v.strictObject({
  name: v.string(),
  version: v.string(),
  architecture: v.string(),
  sha256,
  size: v.number(),
  /** Which archive holds it: `debian`, `debian-security`, or the name of an extra source. Never a host. */
  archive: v.string(),
  /** Where in the archive. */
  path: v.string(),
});

const lockSchema = v.strictObject({
  format: v.literal(1),
  /** Seconds since 1970 of the newest package index: the time that every file of the image carries. */
  time: v.number(),
  /** Packages by what they are for: `root`, `kernel`, `firmware`, `tools`. */
  packages: v.record(v.string(), v.array(lockedPackage)),
  /** The flavour that they are of. */
  flavour: v.optional(v.string()),
  /** The official k3s release, when the image holds one. */
  k3s: v.optional(v.strictObject({ version: v.string(), sha256 })),
});

/** One Debian package, down to its bytes. */
export type LockedPackage = v.InferOutput<typeof lockedPackage>;

/** Everything from outside that goes into an image: enough to build the same one again. */
export type Lock = v.InferOutput<typeof lockSchema>;

/** `name` is how errors call the file. */
export function parseLock(text: string, name: string): Lock {
  const wrong = (detail: string) =>
    new K3osError("config", `${name} is not a package lock: ${detail.replace(/\s+/g, " ")}.`, {
      hint: "Pass the `lock.json` of an image that k3os built.",
    });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw wrong((error as Error).message);
  }
  const result = v.safeParse(lockSchema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw wrong(`${v.getDotPath(issue) ?? "the file"}: ${issue.message}`);
}

/** The lock as it is written to a file: the same lock is always the same text. */
export function formatLock(lock: Lock): string {
  const sorted = (packages: readonly LockedPackage[]) =>
    [...packages]
      .sort((a, b) => compare(a.name, b.name) || compare(a.architecture, b.architecture))
      .map(({ name, version, architecture, sha256, size, archive, path }) => ({
        name,
        version,
        architecture,
        sha256,
        size,
        archive,
        path,
      }));
  const names = Object.keys(lock.packages).sort();
  const packages = Object.fromEntries(names.map((name) => [name, sorted(lock.packages[name] ?? [])]));
  const { format, time, flavour, k3s } = lock;
  return `${JSON.stringify({ format, time, ...(flavour && { flavour }), ...(k3s && { k3s }), packages }, null, 1)}\n`;
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
