import type { Host } from "./host.ts";

/** The text of a file, links followed; `undefined` if there is nothing at `path`. */
export function readTextIf(host: Host, path: string): string | undefined {
  return host.stat(path) === undefined ? undefined : host.readText(path);
}

/** The directory that contains a path. */
export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}
