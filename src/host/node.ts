import { type ChildProcess, execFileSync, spawn as startChild } from "node:child_process";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { constants, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { execBy } from "./exec.ts";
import type { Child, FileStat, Host, HostErrorCode, OnChunk, OpenFile, Pipe, SpawnOptions } from "./host.ts";
import { HostError } from "./host.ts";

/** The host of the workstation and of tests on real files. */
export const nodeHost: Host = {
  env: process.env,

  read: (path) => guard("read", path, () => new Uint8Array(fs.readFileSync(path))),
  readText: (path) => guard("read", path, () => fs.readFileSync(path, "utf8")),
  write: (path, data, options) => guard("write", path, () => replaceFile(path, data, options?.mode)),
  poke: (path, text) => guard("write", path, () => fs.writeFileSync(path, text, { flag: "r+" })),
  openForWriting: (path) => guard("write", path, () => openForWriting(path)),
  append: (path, text) => guard("append", path, () => fs.appendFileSync(path, text, { mode: 0o644 })),
  stat: (path) => guard("stat", path, () => statOf(path)),
  list: (path) => guard("list", path, () => fs.readdirSync(path).sort()),
  mkdir: (path, options) => guard("mkdir", path, () => makeDirectory(path, options?.mode ?? 0o755)),
  remove: (path) => guard("remove", path, () => fs.rmSync(path, { recursive: true, force: true })),
  rename: (from, to) => guard("rename", from, () => fs.renameSync(from, to)),
  symlink: (target, path) => guard("symlink", path, () => replaceLink(target, path)),
  readLink: (path) => guard("readlink", path, () => fs.readlinkSync(path)),
  chmod: (path, mode) => guard("chmod", path, () => fs.chmodSync(path, mode)),
  chown: (path, owner) => guard("chown", path, () => changeOwner(path, owner)),

  exec: (argv, options = {}) => execBy(spawn, argv, options),
  spawn,
  openPipe,
  warn: (text) => void process.stderr.write(text),
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (milliseconds) => delay(milliseconds),
};

const knownCodes = new Set<string>(["ENOENT", "EEXIST", "EACCES", "ENOTDIR", "EISDIR", "ENOSPC", "EROFS", "EIO"]);
const likeCodes: Record<string, HostErrorCode> = { EPERM: "EACCES", ENOTEMPTY: "EEXIST", ELOOP: "ENOENT" };

function guard<T>(operation: string, path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof HostError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? "EIO";
    throw new HostError(knownCodes.has(code) ? (code as HostErrorCode) : (likeCodes[code] ?? "EIO"), operation, path);
  }
}

function beside(path: string): string {
  return `${path}.${randomBytes(4).toString("hex")}.new`;
}

function replaceFile(path: string, data: string | Uint8Array, mode: number | undefined): void {
  const existing = fs.lstatSync(path, { throwIfNoEntry: false });
  if (existing?.isDirectory()) throw new HostError("EISDIR", "write", path);
  const temporary = beside(path);
  const file = fs.openSync(temporary, "wx", 0o600);
  try {
    fs.writeFileSync(file, data);
    fs.fchmodSync(file, mode ?? (existing?.isFile() ? existing.mode & 0o7777 : 0o644));
    fs.fsyncSync(file);
    fs.renameSync(temporary, path);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  } finally {
    fs.closeSync(file);
  }
  syncDirectory(dirname(path));
}

function openForWriting(path: string): OpenFile {
  const file = fs.openSync(path, "r+");
  return {
    write: (text) => void guard("write", path, () => fs.writeFileSync(file, text)),
    close: () => fs.closeSync(file),
  };
}

function syncDirectory(path: string): void {
  const directory = fs.openSync(path, "r");
  try {
    fs.fsyncSync(directory);
  } finally {
    fs.closeSync(directory);
  }
}

function statOf(path: string): FileStat | undefined {
  let stat: fs.Stats | undefined;
  try {
    stat = fs.lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOTDIR") throw error;
  }
  if (!stat) return undefined;
  const type = stat.isFile() ? "file" : stat.isDirectory() ? "directory" : stat.isSymbolicLink() ? "link" : "other";
  return { type, size: stat.size, mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid, mtime: stat.mtimeMs };
}

function makeDirectory(path: string, mode: number): void {
  if (fs.statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  // Not Node's own `recursive`: it never returns where the kernel refuses every directory (/proc).
  if (dirname(path) !== path) makeDirectory(dirname(path), 0o755);
  fs.mkdirSync(path, { mode });
  fs.chmodSync(path, mode);
}

function replaceLink(target: string, path: string): void {
  const temporary = beside(path);
  fs.symlinkSync(target, temporary);
  try {
    fs.renameSync(temporary, path);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
}

function changeOwner(path: string, owner: string): void {
  const [user = "", group] = owner.split(":");
  const account = /^\d+$/.test(user) ? undefined : lookUp("/etc/passwd", user);
  const uid = account ? Number(account[2]) : Number(user);
  const gid =
    group === undefined
      ? fs.lstatSync(path).gid
      : group === ""
        ? Number(account?.[3] ?? uid)
        : Number(/^\d+$/.test(group) ? group : lookUp("/etc/group", group)[2]);
  fs.lchownSync(path, uid, gid);
}

function lookUp(database: string, name: string): string[] {
  const line = fs
    .readFileSync(database, "utf8")
    .split("\n")
    .find((entry) => entry.startsWith(`${name}:`));
  if (!line) throw new HostError("ENOENT", `look up ${name} in`, database);
  return line.split(":");
}

function spawn(argv: readonly string[], options: SpawnOptions = {}): Child {
  const [program = "", ...args] = argv;
  const { onChunk, onErrorChunk, timeoutMs } = options;
  const child = startChild(program, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["pipe", onChunk ? "pipe" : "inherit", onErrorChunk ? "pipe" : "inherit"],
  });
  let timedOut = false;
  const late = () => {
    timedOut = true;
    child.kill("SIGKILL");
  };
  const timer = timeoutMs === undefined ? undefined : setTimeout(late, timeoutMs);
  const ended = new Promise<number>((resolve, reject) => {
    let failed = false;
    const deliver = (chunk: Uint8Array, receive: OnChunk) => {
      if (failed) return;
      try {
        receive(chunk);
      } catch (error) {
        failed = true;
        child.kill("SIGKILL");
        reject(error);
      }
    };
    if (onChunk) child.stdout?.on("data", (chunk: Buffer) => deliver(chunk, onChunk));
    if (onErrorChunk) child.stderr?.on("data", (chunk: Buffer) => deliver(chunk, onErrorChunk));
    child.once("error", (error) => {
      if (onErrorChunk) deliver(new TextEncoder().encode(error.message), onErrorChunk);
      resolve(127);
    });
    // Between a timer and an immediate, Node reads everything that the pipes hold.
    child.once("exit", () => setTimeout(() => setImmediate(closePipes, child), 0));
    child.once("close", (code, signal) => {
      resolve(timedOut ? 124 : (code ?? 128 + (signal ? constants.signals[signal] : 0)));
    });
  }).finally(() => clearTimeout(timer));
  // A program may end without reading its input.
  child.stdin?.on("error", () => {});
  child.stdin?.end(options.input ?? "");
  return { ended, kill: (signal) => void child.kill(signal) };
}

/** Another process may keep the pipes open after the program has ended. Its output is not waited for. */
function closePipes({ stdout, stderr }: ChildProcess): void {
  stdout?.destroy();
  stderr?.destroy();
}

/**
 * A named one, because the pipes that Node.js makes are sockets, which no program opens by a path. cat(1) reads it: a
 * `net.Socket` does not tell a worker's table of open files that it has closed its descriptor.
 */
function openPipe(receive: OnChunk): Pipe {
  const directory = fs.mkdtempSync(join(tmpdir(), "k3os-pipe-"));
  const path = join(directory, "pipe");
  execFileSync("mkfifo", ["-m", "600", path]);
  // Open here for writing, too, it does not end with the first program that wrote to it.
  const writeEnd = fs.openSync(path, "r+");
  const readEnd = fs.openSync(path, "r");
  const reader = startChild("cat", { stdio: [readEnd, "pipe", "inherit"] });
  fs.closeSync(readEnd);
  reader.stdout?.on("data", receive);
  const ended = new Promise((resolve) => reader.once("close", resolve));
  let isOpen = true;
  const close = async () => {
    if (isOpen) fs.closeSync(writeEnd);
    isOpen = false;
    await ended;
    fs.rmSync(directory, { recursive: true, force: true });
  };
  return { path, close };
}
