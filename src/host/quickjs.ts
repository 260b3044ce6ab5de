import * as os from "qjs:os";
import * as std from "qjs:std";
import { concat } from "../formats/bytes.ts";
import { execBy } from "./exec.ts";
import {
  type Child,
  type FileStat,
  type Host,
  HostError,
  type HostErrorCode,
  type OnChunk,
  type Pipe,
  type SpawnOptions,
} from "./host.ts";
import { decodeUtf8, encodeUtf8 } from "./utf8.ts";

const ERRNO: Readonly<Record<number, HostErrorCode>> = {
  1: "EACCES",
  2: "ENOENT",
  13: "EACCES",
  17: "EEXIST",
  20: "ENOTDIR",
  21: "EISDIR",
  28: "ENOSPC",
  30: "EROFS",
};

/** QuickJS does not name these (signal(7), open(2)). */
const SIGKILL = 9;
const SIGTERM = 15;
const O_NONBLOCK = 0o4000;

/**
 * Places that a power cut empties anyway, so that `write` need not sync there. The disk is mounted below one of them.
 */
const VOLATILE = /^\/(dev|etc|proc|run(?!\/k3os\/state\/)|sys|tmp|sysroot\/(etc|run|tmp))(\/|$)/;

/** The node's door: QuickJS for files, Debian's tools for what it lacks (chmod, chown, sync). */
export function quickjsHost(): Host {
  const timers = new Timers();
  const reaper = new Reaper(timers);
  const env = std.getenviron();

  const host: Host = {
    env,
    read: (path) => {
      const fd = checked(os.open(path, os.O_RDONLY), "read", path);
      const chunks: Uint8Array[] = [];
      try {
        for (;;) {
          const chunk = new Uint8Array(65536);
          const count = checked(os.read(fd, chunk.buffer, 0, chunk.length), "read", path);
          if (count === 0) return concat(chunks);
          chunks.push(chunk.subarray(0, count));
        }
      } finally {
        os.close(fd);
      }
    },
    readText: (path) => decodeUtf8(host.read(path)),
    write: (path, data, options = {}) => {
      const existing = host.stat(path);
      const mode = options.mode ?? (existing?.type === "file" ? existing.mode : 0o644);
      const temporary = `${path}.${os.getpid()}.tmp`;
      os.remove(temporary);
      try {
        writeAll(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, data, mode & 0o755);
        if ((mode & ~0o755) !== 0) host.chmod(temporary, mode);
        if (!VOLATILE.test(path)) tool(["sync", temporary], "write", path);
        checked(os.rename(temporary, path), "write", path);
      } catch (error) {
        os.remove(temporary); // a full disk is not to be fuller for it
        throw error;
      }
    },
    poke: (path, text) => writeAll(path, os.O_WRONLY, text),
    openForWriting: (path) => {
      const fd = checked(os.open(path, os.O_WRONLY), "write", path);
      return { write: (text) => writeTo(fd, text, path), close: () => void os.close(fd) };
    },
    append: (path, text) => writeAll(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, text, 0o644),
    stat: (path) => {
      const [stat, errno] = os.lstat(path);
      if (errno === 2 || errno === 20) return undefined;
      if (errno !== 0) throw new HostError(ERRNO[errno] ?? "EIO", "stat", path);
      return toFileStat(stat);
    },
    list: (path) => {
      const [names, errno] = os.readdir(path);
      checked(-errno, "list", path);
      return names.filter((name) => name !== "." && name !== "..").sort();
    },
    mkdir: (path, options = {}) => makeDirectories(path, options.mode ?? 0o755),
    remove: (path) => removeTree(host, path),
    rename: (from, to) => void checked(os.rename(from, to), "rename", from),
    symlink: (target, path) => {
      const temporary = `${path}.${os.getpid()}.tmp`;
      os.remove(temporary);
      checked(os.symlink(target, temporary), "symlink", path);
      checked(os.rename(temporary, path), "symlink", path);
    },
    readLink: (path) => {
      const [target, errno] = os.readlink(path);
      checked(-errno, "readlink", path);
      return target;
    },
    chmod: (path, mode) => tool(["chmod", mode.toString(8), path], "chmod", path),
    chown: (path, owner) => tool(["chown", "-h", owner, path], "chown", path),
    exec: (argv, options = {}) => execBy(host.spawn, argv, options),
    spawn: (argv, options = {}) => spawn({ timers, reaper, env }, argv, options),
    openPipe: (receive) => openPipe(timers, receive),
    warn: (text) => {
      std.err.puts(text);
      std.err.flush();
    },
    now: () => Date.now(),
    monotonic: () => os.now(),
    sleep: (milliseconds, { roughly = false } = {}) =>
      new Promise((resolve) => void timers.set(resolve, milliseconds, roughly)),
  };
  return host;
}

/** How late rough timers may be, and `0` for the kernel's own value. */
const ROUGH_SLACK_NS = "60000000000";
const DEFAULT_SLACK = "0";

/** Undoes what it belongs to. */
type Undo = () => void;

/**
 * Timers of this process. While there is one, QuickJS looks at its clock every ten seconds. If all of them may be late,
 * the kernel lets it sleep on.
 */
class Timers {
  #exact = 0;
  #rough = 0;
  #isRough = false;

  /** Calls `handler` after a time. */
  set(handler: () => void, milliseconds: number, roughly = false): Undo {
    const release = roughly ? this.#countRough() : this.beExact();
    const timer = os.setTimeout(() => {
      release();
      handler();
    }, milliseconds);
    return () => {
      os.clearTimeout(timer);
      release();
    };
  }

  /** Lets nothing be late: neither timers nor those of a program that is started now, which inherits that. */
  beExact(): Undo {
    this.#exact++;
    this.#update();
    return once(() => {
      this.#exact--;
      this.#update();
    });
  }

  #countRough(): Undo {
    this.#rough++;
    this.#update();
    return once(() => {
      this.#rough--;
      this.#update();
    });
  }

  #update(): void {
    const isRough = this.#rough > 0 && this.#exact === 0;
    if (isRough === this.#isRough) return;
    this.#isRough = isRough;
    // Early in a boot there is no /proc, and all timers are exact.
    const fd = os.open("/proc/self/timerslack_ns", os.O_WRONLY);
    if (fd < 0) return;
    writeTo(fd, isRough ? ROUGH_SLACK_NS : DEFAULT_SLACK, "/proc/self/timerslack_ns");
    os.close(fd);
  }
}

function once(action: () => void): Undo {
  let isDone = false;
  return () => {
    if (!isDone) action();
    isDone = true;
  };
}

/** The longest time between two looks after a child that ran long and was not heard of. */
const LONGEST_PAUSE_MS = 60_000;

/**
 * Resolves when a child ends. SIGCHLD tells, but a signal that comes just before the event loop goes to sleep wakes it
 * only at the next event. So a timer looks, too, with pauses that double: a child that runs for an hour costs a wake-up
 * a minute. The timer also keeps the event loop alive, which does not count signal handlers.
 */
class Reaper {
  readonly #waiting = new Map<number, (status: number) => void>();
  readonly #timers: Timers;
  #stopTimer: Undo | undefined;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  wait(pid: number): Promise<number> {
    return new Promise((resolve) => {
      if (this.#waiting.size === 0) os.signal(os.SIGCHLD, () => this.#reap());
      this.#waiting.set(pid, resolve);
      this.#lookAfter(50);
      this.#reap();
    });
  }

  /** Some child is about to end, as the end of its output tells. */
  hurry(): void {
    if (this.#waiting.size > 0) this.#lookAfter(1);
  }

  #lookAfter(pauseMs: number): void {
    this.#stopTimer?.();
    const look = () => {
      this.#lookAfter(Math.min(2 * pauseMs, LONGEST_PAUSE_MS));
      this.#reap();
    };
    this.#stopTimer = this.#timers.set(look, pauseMs, pauseMs === LONGEST_PAUSE_MS);
  }

  #reap(): void {
    for (const [pid, resolve] of [...this.#waiting]) {
      const [ended, raw] = os.waitpid(pid, os.WNOHANG);
      if (ended !== pid) continue;
      this.#waiting.delete(pid);
      resolve((raw & 0x7f) === 0 ? (raw >> 8) & 0xff : 128 + (raw & 0x7f));
    }
    if (this.#waiting.size > 0) return;
    os.signal(os.SIGCHLD, null);
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }
}

interface Process {
  readonly timers: Timers;
  readonly reaper: Reaper;
  readonly env: Readonly<Record<string, string>>;
}

function spawn({ timers, reaper, env: base }: Process, argv: readonly string[], options: SpawnOptions): Child {
  let failure: { readonly error: unknown } | undefined;
  let pid = 0;
  let isRunning = true;
  let isLate = false;
  const kill = (signal: number) => {
    if (isRunning) os.kill(pid, signal);
  };
  const readerFor = (receive: OnChunk | undefined) => {
    if (receive === undefined) return undefined;
    const deliver = (chunk: Uint8Array) => {
      if (failure !== undefined) return;
      try {
        receive(chunk);
      } catch (error) {
        failure = { error };
        kill(SIGKILL);
      }
    };
    return new PipeReader(timers, deliver, () => reaper.hurry());
  };
  const stdout = readerFor(options.onChunk);
  const stderr = readerFor(options.onErrorChunk);
  const input = options.input === undefined ? undefined : inputFile(options.input);
  const release = timers.beExact();
  try {
    pid = os.exec([...argv], {
      block: false,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: { ...base, ...options.env } }),
      ...(input === undefined ? {} : { stdin: input.fileno() }),
      ...(stdout === undefined ? {} : { stdout: stdout.writeEnd }),
      ...(stderr === undefined ? {} : { stderr: stderr.writeEnd }),
    });
  } catch {
    // QuickJS throws a TypeError if there is no room for another process.
    stdout?.abandon();
    stderr?.abandon();
    throw new HostError("EIO", "start", argv[0] ?? "");
  } finally {
    input?.close();
    release();
  }
  stdout?.closeWriteEnd();
  stderr?.closeWriteEnd();
  const late = () => {
    isLate = true;
    kill(SIGKILL);
  };
  const stopTimer = options.timeoutMs === undefined ? undefined : timers.set(late, options.timeoutMs);
  const end = async () => {
    const status = await reaper.wait(pid);
    isRunning = false;
    stopTimer?.();
    await Promise.all([stdout?.finish(), stderr?.finish()]);
    if (failure !== undefined) throw failure.error;
    return isLate ? 124 : status;
  };
  return { ended: end(), kill: (signal = "SIGTERM") => kill(signal === "SIGTERM" ? SIGTERM : SIGKILL) };
}

/** The other end stays open here, so that the pipe does not end with the first program that wrote to it. */
function openPipe(timers: Timers, receive: OnChunk): Pipe {
  const reader = new PipeReader(timers, receive, () => {});
  return { path: `/proc/${os.getpid()}/fd/${reader.writeEnd}`, close: async () => reader.end() };
}

/** For all pipes: each piece is copied out at once. */
const BUFFER = new Uint8Array(65536);

/** Reads a pipe while the event loop runs, and hands over what comes. */
class PipeReader {
  readonly writeEnd: number;
  readonly #readEnd: number;
  readonly #timers: Timers;
  readonly #receive: OnChunk;
  #isClosed = false;
  #onClose: (() => void) | undefined;

  constructor(timers: Timers, receive: OnChunk, onEnd: () => void) {
    const ends = os.pipe();
    if (ends === null) throw new HostError("EIO", "pipe", "");
    [this.#readEnd, this.writeEnd] = ends;
    this.#timers = timers;
    this.#receive = receive;
    os.setReadHandler(this.#readEnd, () => {
      if (this.#read(this.#readEnd)) return;
      this.#close();
      onEnd();
    });
  }

  closeWriteEnd(): void {
    os.close(this.writeEnd);
  }

  /** Nothing was started that would write. */
  abandon(): void {
    this.closeWriteEnd();
    this.#close();
  }

  /**
   * Resolves when everything is handed over that a program wrote which has ended. Another process may keep the pipe
   * open: after a moment it is read for what it holds, and closed.
   */
  async finish(): Promise<void> {
    if (this.#isClosed) return;
    const stopTimer = this.#timers.set(() => this.#drain(), 10);
    await new Promise<void>((resolve) => {
      this.#onClose = resolve;
    });
    stopTimer();
  }

  /** Hands over what the pipe holds, and closes both ends. */
  end(): void {
    if (this.#isClosed) return;
    this.#drain();
    this.closeWriteEnd();
    if (!this.#isClosed) this.#close();
  }

  #close(): void {
    this.#isClosed = true;
    os.setReadHandler(this.#readEnd, null);
    os.close(this.#readEnd);
    this.#onClose?.();
    this.#onClose = undefined;
  }

  #drain(): void {
    // Opened anew, it can be read without waiting for more. Before there is a /proc, nothing runs in the background.
    const fd = os.open(`/proc/self/fd/${this.#readEnd}`, os.O_RDONLY | O_NONBLOCK);
    if (fd < 0) return;
    while (this.#read(fd));
    os.close(fd);
    this.#close();
  }

  /** Hands over one piece; false if there is none. */
  #read(fd: number): boolean {
    const count = os.read(fd, BUFFER.buffer, 0, BUFFER.length);
    if (count > 0) this.#receive(BUFFER.slice(0, count));
    return count > 0;
  }
}

function inputFile(input: string | Uint8Array): std.StdFile {
  const file = std.tmpfile();
  if (file === null) throw new HostError("EIO", "open", "/tmp");
  const bytes = typeof input === "string" ? encodeUtf8(input) : input;
  file.write(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length);
  file.flush();
  file.seek(0, std.SEEK_SET);
  return file;
}

function writeAll(path: string, flags: number, data: string | Uint8Array, mode?: number): void {
  const fd = checked(os.open(path, flags, mode), "write", path);
  try {
    writeTo(fd, data, path);
  } finally {
    os.close(fd);
  }
}

function writeTo(fd: number, data: string | Uint8Array, path: string): void {
  const bytes = typeof data === "string" ? encodeUtf8(data) : data;
  for (let offset = 0; offset < bytes.length; ) {
    const left = bytes.length - offset;
    offset += checked(os.write(fd, bytes.buffer as ArrayBuffer, bytes.byteOffset + offset, left), "write", path);
  }
}

function makeDirectories(path: string, mode: number): void {
  const result = os.mkdir(path, mode);
  if (result === -17) return;
  if (result === -2) {
    makeDirectories(path.slice(0, path.lastIndexOf("/")) || "/", 0o755);
    checked(os.mkdir(path, mode), "mkdir", path);
  } else checked(result, "mkdir", path);
}

function removeTree(host: Host, path: string): void {
  const found = host.stat(path);
  if (found === undefined) return;
  if (found.type === "directory") for (const name of host.list(path)) removeTree(host, `${path}/${name}`);
  checked(os.remove(path), "remove", path);
}

function toFileStat(stat: os.QuickJsStat): FileStat {
  const format = stat.mode & os.S_IFMT;
  const type =
    format === os.S_IFREG ? "file" : format === os.S_IFDIR ? "directory" : format === os.S_IFLNK ? "link" : "other";
  return { type, size: stat.size, mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid, mtime: stat.mtime };
}

function tool(argv: string[], operation: string, path: string): void {
  if (os.exec(argv) !== 0) throw new HostError("EIO", operation, path);
}

/** QuickJS returns -errno where C sets errno. */
function checked(result: number, operation: string, path: string): number {
  if (result < 0) throw new HostError(ERRNO[-result] ?? "EIO", operation, path);
  return result;
}
