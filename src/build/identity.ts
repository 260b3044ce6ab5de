import { createHash } from "node:crypto";
import { digestTree } from "./digest.ts";

/** Something that is identified by less than all of its fields, such as a file by its content and not by its path. */
export interface Identified {
  readonly identity: unknown;
}

/**
 * What the identity of a step's result is computed from: `parts` as a value that JSON can hold. Bytes become their sum,
 * a map becomes its entries, an object with a field `identity` becomes that field. A function has no identity: it is a
 * mistake in the step.
 */
export function identity(parts: unknown): unknown {
  if (typeof parts === "function") throw new TypeError("a part of a step is a function, which has no identity");
  if (parts === null || typeof parts !== "object") return parts;
  if (parts instanceof Uint8Array) return createHash("sha256").update(parts).digest("hex");
  if (parts instanceof Map) return [...parts].map(([key, value]) => [key, identity(value)]);
  if (Array.isArray(parts)) return parts.map(identity);
  if ("identity" in parts) return identity(parts.identity);
  return Object.fromEntries(Object.entries(parts).map(([key, value]) => [key, identity(value)]));
}

/** A file or directory of the project or of the user's: wherever it lies, it is identified by what it holds. */
export interface SourceFiles extends Identified {
  readonly path: string;
}

/** Reads the identity of what is at `path` now; leaves out names that `skip` matches. */
export async function sourceFiles(path: string, skip?: (name: string) => boolean): Promise<SourceFiles> {
  return { path, identity: await digestTree(path, skip) };
}
