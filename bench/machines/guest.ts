import { join } from "node:path";
import { findProject } from "../../src/build/project.ts";

/** A file of what runs inside the machines. */
export function guestFile(name: string): string {
  return join(findProject(), "bench/machines/guest", name);
}
