import type { Host } from "../../host/host.ts";

/** The lines of /etc/passwd, /etc/group or /etc/shadow, each split into its fields. */
export function readEntries(host: Host, path: string): string[][] {
  const lines = host.readText(path).split("\n");
  return lines.filter((line) => line !== "").map((line) => line.split(":"));
}

/** Replaces the file by these lines. It keeps its owner. */
export function writeEntries(host: Host, path: string, entries: readonly (readonly string[])[]): void {
  const before = host.stat(path);
  host.write(path, entries.map((fields) => `${fields.join(":")}\n`).join(""));
  // Replacing a file makes it root's.
  if (before !== undefined && before.gid !== 0) host.chown(path, `${before.uid}:${before.gid}`);
}
