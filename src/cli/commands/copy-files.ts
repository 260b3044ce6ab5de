import { spawnSync } from "node:child_process";
import { accessSync, constants, copyFileSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { K3osError } from "../../errors.ts";
import { nodeHost } from "../../host/node.ts";

/**
 * Copies the files of a directory; each appears whole or not at all. On file systems that can, nothing is really copied, and on all of them
 * holes stay holes: a disk is mostly that.
 */
export function copyFiles(from: string, to: string): void {
  requireDirectory(to);
  writingTo(to, () => {
    for (const entry of readdirSync(from, { withFileTypes: true })) if (entry.isFile()) copyFile(from, to, entry.name);
  });
}

/** Makes the directory unless it is there. One that nothing can be written to is refused now, not after a build of minutes. */
export function requireDirectory(path: string): void {
  writingTo(path, () => {
    nodeHost.mkdir(path);
    accessSync(path, constants.W_OK | constants.X_OK);
  });
}

function writingTo(to: string, action: () => void): void {
  try {
    action();
  } catch (cause) {
    if (cause instanceof K3osError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === undefined) throw cause;
    const why = {
      EACCES: "you may not write there",
      ENOSPC: "the disk is full",
      ENOENT: "it cannot be made there",
      EEXIST: "it is no directory",
      ENOTDIR: "it is no directory",
      EROFS: "it is read-only",
    };
    throw new K3osError("host", `${to} cannot be written: ${why[code as keyof typeof why] ?? message}.`, { cause });
  }
}

function copyFile(from: string, to: string, name: string): void {
  const next = join(to, `.${name}.${process.pid}`);
  try {
    if (isSparse(join(from, name))) copySparse(join(from, name), next);
    else copyFileSync(join(from, name), next, constants.COPYFILE_FICLONE);
    renameSync(next, join(to, name));
  } finally {
    rmSync(next, { force: true });
  }
}

function isSparse(path: string): boolean {
  const { size, blocks } = statSync(path);
  return blocks * 512 < size / 2;
}

function copySparse(from: string, to: string): void {
  const { status, stderr } = spawnSync("cp", ["--preserve=mode", "--sparse=always", from, to], { encoding: "utf8" });
  if (status !== 0)
    throw new K3osError("host", `${from} cannot be copied: ${stderr?.trim() ?? "cp cannot be started"}.`);
}
