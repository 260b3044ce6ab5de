import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Kernel } from "./kernel.ts";

/** Paths of all modules of a kernel. */
export function modulesOf({ directory, release }: Kernel): string[] {
  return modulesBelow(join(directory, "usr/lib/modules", release));
}

/** Paths of the modules below a directory, in an order that does not depend on the file system. */
export function modulesBelow(directory: string): string[] {
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => name.endsWith(".ko"))
    .sort()
    .map((name) => join(directory, name));
}
