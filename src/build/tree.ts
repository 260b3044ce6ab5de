import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { runCommand } from "../process/run.ts";

/**
 * Makes `to` another name for every file of `from`: quick, and without space of its own. Files of either must be
 * replaced, never changed.
 */
export async function linkTree(from: string, to: string): Promise<void> {
  await runCommand(["cp", "--archive", "--link", "--no-target-directory", from, to]);
}

/** Copies a tree of the repository over another one, with modes that do not depend on who checked it out. */
export function overlayTree(from: string, to: string): void {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) {
      if (!lstatSync(target, { throwIfNoEntry: false })) mkdirSync(target, { mode: 0o755 });
      overlayTree(source, target);
    } else if (entry.isSymbolicLink()) {
      rmSync(target, { force: true });
      symlinkSync(readlinkSync(source), target);
    } else placeFile(source, target);
  }
}

/** Copies a file; it stays executable if it was. What was at `target` is replaced, never written to. */
export function placeFile(source: string, target: string): void {
  mkdirSync(dirname(target), { recursive: true });
  rmSync(target, { force: true });
  copyFileSync(source, target);
  chmodSync(target, lstatSync(source).mode & 0o100 ? 0o755 : 0o644);
}

export function placeText(content: string | Uint8Array, target: string, mode = 0o644): void {
  mkdirSync(dirname(target), { recursive: true });
  rmSync(target, { force: true });
  writeFileSync(target, content, { mode });
  chmodSync(target, mode);
}
