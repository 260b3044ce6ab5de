/**
 * The interface to the outside world. Everything that reads or changes files, runs programs or asks the time does it
 * through a `Host`: `node.ts` on the workstation, `quickjs.ts` on the node, `memory.ts` in tests. One suite of cases
 * runs over all three.
 *
 * File calls are synchronous, because neither QuickJS nor a boot has anything else to do meanwhile. `exec` is
 * asynchronous, so that programs can run side by side. Failures of the operating system are thrown as `HostError`.
 */
export interface Host {
  /** The environment of this process. */
  readonly env: Readonly<Record<string, string | undefined>>;

  /** The whole file. Works for `/proc` and `/sys`, whose sizes are 0. */
  read(path: string): Uint8Array;
  /** The whole file as UTF-8. */
  readText(path: string): string;
  /**
   * Replaces a file as a whole: after a power cut, and for any reader, it has either the old content or the new one.
   * The new content is written beside the target, synced (except in memory file systems) and renamed. With `mode`, the
   * file never has more permissions than these, not even for a moment. Otherwise an existing file keeps its mode, and a
   * new one gets 0644. Parent directories must exist.
   */
  write(path: string, data: string | Uint8Array, options?: { readonly mode?: number }): void;
  /** Writes into an existing file without replacing it: for `/proc`, `/sys` and devices. */
  poke(path: string, text: string): void;
  /**
   * Opens an existing file for writing and keeps it open: for devices to which opening and closing mean something, such
   * as watchdogs. The end of this process closes it.
   */
  openForWriting(path: string): OpenFile;
  /** Appends to a file, creating it with mode 0644. Not atomic: for logs only. */
  append(path: string, text: string): void;
  /** What is at `path`, links not followed; `undefined` if there is nothing. */
  stat(path: string): FileStat | undefined;
  /** Names in a directory, sorted, without `.` and `..`. */
  list(path: string): string[];
  /**
   * Makes a directory and its parents. Does nothing if it exists. `mode` is that of the last directory; 0755 by
   * default.
   */
  mkdir(path: string, options?: { readonly mode?: number }): void;
  /** Removes a file, link or whole tree. Does nothing if there is none. */
  remove(path: string): void;
  rename(from: string, to: string): void;
  /** Makes or atomically replaces a symbolic link. */
  symlink(target: string, path: string): void;
  readLink(path: string): string;
  chmod(path: string, mode: number): void;
  /** `owner` as in chown(1): `user`, `user:group`, numbers. */
  chown(path: string, owner: string): void;

  /**
   * Runs a program to its end. `argv[0]` is looked up in PATH. A status other than 0 is no error here (see `run`). A
   * program that cannot be started has status 127. On a timeout it is killed and the status is 124.
   */
  exec(argv: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /**
   * Starts a program and passes on its output while it runs: for programs that run long or write much. Statuses, PATH
   * and the timeout are those of `exec`. Throws a `HostError` if the system has no room for another process.
   */
  spawn(argv: readonly string[], options?: SpawnOptions): Child;
  /**
   * Opens a pipe into this process, for programs with more than one output. `receive` gets what is written to the
   * pipe's path; it must not throw. Until the pipe is closed, this process does not end by itself.
   */
  openPipe(receive: OnChunk): Pipe;

  /** Writes a text to this process's stderr, for people. stdout is `console.log`, which every engine has. */
  warn(text: string): void;

  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds of a clock that never jumps. Its start is arbitrary. */
  monotonic(): number;
  /** `roughly`: may be up to a minute late, so that this process wakes up less often. */
  sleep(milliseconds: number, options?: { readonly roughly?: boolean }): Promise<void>;
}

export interface FileStat {
  readonly type: "file" | "directory" | "link" | "other";
  readonly size: number;
  /** Permission bits only, such as 0o644. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Milliseconds since 1970. */
  readonly mtime: number;
}

export interface OpenFile {
  /** Writes at once, where the last write ended. */
  write(text: string): void;
  close(): void;
}

interface ProgramOptions {
  readonly input?: string | Uint8Array;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly timeoutMs?: number;
}

export interface ExecOptions extends ProgramOptions {
  /** Let the program write to this process's own stdout and stderr. Both are empty in the result. */
  readonly inherit?: boolean;
  /** Let all other programs have most of the processor, and the disk first. */
  readonly background?: boolean;
}

export interface ExecResult {
  /** 0–255; 128 + n if signal n ended the program. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Receives a piece of output: at most 64 KiB, cut anywhere, even inside a character. */
export type OnChunk = (chunk: Uint8Array) => void;

export interface SpawnOptions extends ProgramOptions {
  /** Receives standard output. Without it the program writes to this process's own. */
  readonly onChunk?: OnChunk;
  /** Receives standard error. Without it the program writes to this process's own. */
  readonly onErrorChunk?: OnChunk;
}

export interface Pipe {
  /** Where programs of the same user write to, as to a file, while the pipe is open. */
  readonly path: string;
  /** Hands over what the pipe still holds, and closes it: for when the programs have ended that write to it. */
  close(): Promise<void>;
}

/** A program that was started. */
export interface Child {
  /**
   * The status, once the program has ended and all of its output was passed on. Output of processes that it left in the
   * background is not waited for. If `onChunk` or `onErrorChunk` throws, the program is killed, and this rejects with
   * that error.
   */
  readonly ended: Promise<number>;
  /** Sends a signal to the program, SIGTERM by default. Does nothing once it has ended. Its children get no signal. */
  kill(signal?: "SIGTERM" | "SIGKILL"): void;
}

export type HostErrorCode = "ENOENT" | "EEXIST" | "EACCES" | "ENOTDIR" | "EISDIR" | "ENOSPC" | "EROFS" | "EIO";

/** A refused operation on a file. */
export class HostError extends Error {
  readonly code: HostErrorCode;
  readonly path: string;

  constructor(code: HostErrorCode, operation: string, path: string) {
    super(`${operation} ${path}: ${code}`);
    this.name = "HostError";
    this.code = code;
    this.path = path;
  }
}
