import type { Host } from "./host.ts";

/** The text of a file, links followed; `undefined` if there is nothing at `path`. */
export function readTextIf(host: Host, path: string): string | undefined {
  return host.stat(path) === undefined ? undefined : host.readText(path);
}

/** What a file of JSON says; `undefined` if it is missing or damaged. For what one can do without. */
export function readJsonIf(host: Host, path: string): unknown {
  const text = readTextIf(host, path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The directory that contains a path. */
export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}
