import { accessSync, constants, copyFileSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { K3osError } from "../../errors.ts";
import { nodeHost } from "../../host/node.ts";
import { CommandFailure, runCommand } from "../../process/run.ts";

/**
 * Copies the files of a directory. Each appears whole or not at all. File systems with reflinks share the blocks. Holes
 * stay holes, because most of a disk is one.
 */
export async function copyFiles(from: string, to: string): Promise<void> {
  await requireDirectory(to);
  await writingTo(to, async () => {
    for (const entry of readdirSync(from, { withFileTypes: true })) {
      if (entry.isFile()) await copyFile(join(from, entry.name), to, entry.name);
    }
  });
}

/** Copies one file as `copyFiles` does it, under that name. */
export async function copyFileAs(from: string, to: string, name: string): Promise<void> {
  await writingTo(to, () => copyFile(from, to, name));
}

/** Makes the directory if it is missing. Throws if it is not writable, so that this is found before a long build. */
export async function requireDirectory(path: string): Promise<void> {
  await writingTo(path, async () => {
    nodeHost.mkdir(path);
    accessSync(path, constants.W_OK | constants.X_OK);
  });
}

async function writingTo(to: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === undefined && !(cause instanceof CommandFailure)) throw cause;
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

async function copyFile(from: string, to: string, name: string): Promise<void> {
  const next = join(to, `.${name}.${process.pid}`);
  try {
    if (isSparse(from)) await copySparse(from, next);
    else copyFileSync(from, next, constants.COPYFILE_FICLONE);
    renameSync(next, join(to, name));
  } finally {
    rmSync(next, { force: true });
  }
}

function isSparse(path: string): boolean {
  const { size, blocks } = statSync(path);
  return blocks * 512 < size / 2;
}

function copySparse(from: string, to: string): Promise<string> {
  return runCommand(["cp", "--preserve=mode", "--sparse=always", from, to]);
}
