import * as os from "qjs:os";
import * as std from "qjs:std";
import { type ExecOptions, type ExecResult, type FileStat, type Host, HostError, type HostErrorCode } from "./host.ts";
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

/** QuickJS does not name it (signal(7)). */
const SIGKILL = 9;

/** Places that a power cut empties anyway, so that `write` need not sync there. The disk is mounted below one of them. */
const VOLATILE = /^\/(dev|etc|proc|run(?!\/k3os\/state\/)|sys|tmp|sysroot\/(etc|run|tmp))(\/|$)/;

/** The node's door: QuickJS for files, Debian's tools for what it lacks (chmod, chown, sync). */
export function quickjsHost(): Host {
  const reaper = new Reaper();
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
    exec: (argv, options = {}) => exec(reaper, env, argv, options),
    warn: (text) => {
      std.err.puts(text);
      std.err.flush();
    },
    now: () => Date.now(),
    monotonic: () => os.now(),
    sleep: (milliseconds) => os.sleepAsync(milliseconds),
  };
  return host;
}

/**
 * Resolves when a child ends. SIGCHLD wakes the event loop at once. The timer keeps the loop alive, which does not count
 * signal handlers, and catches a signal that came just before the loop went to sleep.
 */
class Reaper {
  readonly #waiting = new Map<number, (status: number) => void>();
  #timer: unknown;

  wait(pid: number): Promise<number> {
    return new Promise((resolve) => {
      if (this.#waiting.size === 0) {
        os.signal(os.SIGCHLD, () => this.#reap());
        this.#tick();
      }
      this.#waiting.set(pid, resolve);
      this.#reap();
    });
  }

  #tick(): void {
    this.#timer = os.setTimeout(() => {
      this.#tick();
      this.#reap();
    }, 50);
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
    os.clearTimeout(this.#timer);
  }
}

async function exec(
  reaper: Reaper,
  base: Readonly<Record<string, string>>,
  argv: readonly string[],
  options: ExecOptions,
): Promise<ExecResult> {
  const input = options.input === undefined ? undefined : inputFile(options.input);
  const stdout = options.inherit ? undefined : new Collector();
  const stderr = options.inherit ? undefined : new Collector();
  const pid = os.exec([...argv], {
    block: false,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: { ...base, ...options.env } }),
    ...(input === undefined ? {} : { stdin: input.fileno() }),
    ...(stdout === undefined ? {} : { stdout: stdout.writeEnd }),
    ...(stderr === undefined ? {} : { stderr: stderr.writeEnd }),
  });
  input?.close();
  stdout?.closeWriteEnd();
  stderr?.closeWriteEnd();

  let timedOut = false;
  const timer =
    options.timeoutMs === undefined
      ? undefined
      : os.setTimeout(() => {
          timedOut = true;
          os.kill(pid, SIGKILL);
        }, options.timeoutMs);
  const status = await reaper.wait(pid);
  if (timer !== undefined) os.clearTimeout(timer);
  const output = await Promise.all([stdout?.text() ?? "", stderr?.text() ?? ""]);
  return { status: timedOut ? 124 : status, stdout: output[0], stderr: output[1] };
}

/** Reads one end of a pipe in the background until it is closed. */
class Collector {
  readonly writeEnd: number;
  readonly #readEnd: number;
  readonly #chunks: Uint8Array[] = [];
  readonly #closed: Promise<void>;
  #finish: () => void = () => {};

  constructor() {
    const ends = os.pipe();
    if (ends === null) throw new HostError("EIO", "pipe", "");
    [this.#readEnd, this.writeEnd] = ends;
    this.#closed = new Promise((resolve) => {
      this.#finish = () => {
        os.setReadHandler(this.#readEnd, null);
        os.close(this.#readEnd);
        this.#finish = () => {};
        resolve();
      };
    });
    os.setReadHandler(this.#readEnd, () => {
      const chunk = new Uint8Array(65536);
      const count = os.read(this.#readEnd, chunk.buffer, 0, chunk.length);
      if (count > 0) this.#chunks.push(chunk.subarray(0, count));
      else this.#finish();
    });
  }

  closeWriteEnd(): void {
    os.close(this.writeEnd);
  }

  /** A program that went to the background keeps the pipe open: what it says later is not waited for. */
  async text(): Promise<string> {
    const timer = os.setTimeout(() => this.#finish(), 100);
    await this.#closed;
    os.clearTimeout(timer);
    return decodeUtf8(concat(this.#chunks));
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
  const bytes = typeof data === "string" ? encodeUtf8(data) : data;
  const fd = checked(os.open(path, flags, mode), "write", path);
  try {
    for (let offset = 0; offset < bytes.length; ) {
      const left = bytes.length - offset;
      offset += checked(os.write(fd, bytes.buffer as ArrayBuffer, bytes.byteOffset + offset, left), "write", path);
    }
  } finally {
    os.close(fd);
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

function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}
