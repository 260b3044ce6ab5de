import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { K3osError } from "../errors.ts";
import { identify, isAlive, type ProcessId } from "./process.ts";

/** The right of one process to change a machine. */
export interface Claim {
  release(): void;
}

/**
 * Claims a machine for this process. A claim ends with the process that holds it, even after a crash, so nothing has to
 * be cleaned up. Throws `busy` when another process holds it.
 */
export function claim(path: string, name: string): Claim {
  const own = `${path}.${process.pid}`;
  writeFileSync(own, JSON.stringify(identify(process.pid)), { mode: 0o600 });
  try {
    while (!link(own, path)) {
      const holder = read(path);
      if (holder !== undefined && isAlive(holder)) {
        throw new K3osError(
          "busy",
          `Another command (process ${holder.pid}) is starting or stopping the machine "${name}".`,
          {
            hint: "Wait for it, or give yours another --name.",
          },
        );
      }
      discard(path);
    }
  } finally {
    rmSync(own, { force: true });
  }
  return { release: () => rmSync(path, { force: true }) };
}

/** Creating a link is atomic: it appears with its content, and only one of several processes succeeds. */
function link(own: string, path: string): boolean {
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Removes the claim of a process that ended. A claim that another process has taken over meanwhile is put back. */
function discard(path: string): void {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return; // somebody else was faster
    throw error;
  }
  const holder = read(aside);
  if (holder !== undefined && isAlive(holder)) link(aside, path);
  rmSync(aside, { force: true });
}

function read(path: string): ProcessId | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as ProcessId;
  } catch {
    return undefined;
  }
}
