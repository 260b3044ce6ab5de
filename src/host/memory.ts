import { execBy } from "./exec.ts";
import type { Child, ExecResult, FileStat, Host, HostErrorCode, OnChunk, SpawnOptions } from "./host.ts";
import { HostError } from "./host.ts";

/**
 * A program of a test. Its result may hold output. Output given to `write` is passed on at once. To a pipe of the host
 * it writes by `host.append`.
 */
export type Program = (
  argv: readonly string[],
  options: SpawnOptions,
  write: (text: string) => void,
) => Partial<ExecResult> | Promise<Partial<ExecResult>>;

export interface MemoryHostOptions {
  /** Files by path. Their directories are made. A text becomes a file of mode 0644. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** Programs by name. Any other program does not exist: status 127. They have no timeouts. */
  readonly programs?: Readonly<Record<string, Program>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Where the clock starts, in milliseconds since 1970. It moves only by `sleep`. */
  readonly now?: number;
}

export interface MemoryHost extends Host {
  /** Every program that was run, in order. */
  readonly ran: readonly (readonly string[])[];
  /** Everything that `warn` was given. */
  readonly warned: readonly string[];
  /** All files as text, by path: what a test compares. */
  texts(): Record<string, string>;
}

interface Entry {
  type: FileStat["type"];
  data: Uint8Array;
  target: string;
  mode: number;
  uid: number;
  gid: number;
  mtime: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A host without a machine: files in a map, programs as functions, a clock that only sleeping moves. */
export function memoryHost(options: MemoryHostOptions = {}): MemoryHost {
  const entries = new Map<string, Entry>();
  const ran: (readonly string[])[] = [];
  const warned: string[] = [];
  const pipes = new Map<string, OnChunk>();
  let pipesOpened = 0;
  let clock = options.now ?? 0;

  const fresh = (type: Entry["type"], mode: number, data: Uint8Array = new Uint8Array(), target = ""): Entry => ({
    type,
    data,
    target,
    mode,
    uid: 0,
    gid: 0,
    mtime: clock,
  });
  entries.set("/", fresh("directory", 0o755));

  /** The path with all links of its parents followed, and its own when `follow`. */
  function resolve(path: string, follow: boolean, depth = 0): string {
    let at = "/";
    const parts = path.split("/").filter((part) => part !== "" && part !== ".");
    for (const [index, part] of parts.entries()) {
      if (part === "..") {
        at = parentOf(at);
        continue;
      }
      const next = at === "/" ? `/${part}` : `${at}/${part}`;
      const entry = entries.get(next);
      if (entry?.type === "link" && (follow || index < parts.length - 1) && depth < 40) {
        at = resolve(entry.target.startsWith("/") ? entry.target : `${at}/${entry.target}`, true, depth + 1);
      } else at = next;
    }
    return at;
  }

  function fail(code: HostErrorCode, operation: string, path: string): never {
    throw new HostError(code, operation, path);
  }

  function need(path: string, operation: string, follow = true): Entry {
    return entries.get(resolve(path, follow)) ?? fail("ENOENT", operation, path);
  }

  function needFile(path: string, operation: string): Entry {
    const entry = need(path, operation);
    return entry.type === "directory" ? fail("EISDIR", operation, path) : entry;
  }

  function needParent(path: string, operation: string): void {
    const parent = entries.get(parentOf(path));
    if (!parent) fail("ENOENT", operation, path);
    if (parent.type !== "directory") fail("ENOTDIR", operation, path);
  }

  const below = (path: string) => [...entries.keys()].filter((key) => key.startsWith(path === "/" ? "/" : `${path}/`));
  const bytes = (data: string | Uint8Array) => (typeof data === "string" ? encoder.encode(data) : data.slice());

  const host: MemoryHost = {
    env: options.env ?? {},
    ran,
    warned,
    texts: () =>
      Object.fromEntries(
        [...entries]
          .filter(([, entry]) => entry.type === "file")
          .map(([path, { data }]) => [path, decoder.decode(data)]),
      ),

    read: (path) => needFile(path, "read").data.slice(),
    readText: (path) => decoder.decode(needFile(path, "read").data),
    write(path, data, { mode } = {}) {
      const at = resolve(path, false);
      needParent(at, "write");
      const existing = entries.get(at);
      if (existing?.type === "directory") fail("EISDIR", "write", path);
      entries.set(at, fresh("file", mode ?? (existing?.type === "file" ? existing.mode : 0o644), bytes(data)));
    },
    poke(path, text) {
      needFile(path, "write").data = bytes(text);
    },
    openForWriting(path) {
      const file = needFile(path, "write");
      let offset = 0;
      return {
        write(text) {
          const [before, written] = [file.data, bytes(text)];
          file.data = new Uint8Array(Math.max(before.length, offset + written.length));
          file.data.set(before);
          file.data.set(written, offset);
          offset += written.length;
        },
        close() {},
      };
    },
    append(path, text) {
      const receive = pipes.get(path);
      if (receive !== undefined) return inChunks(bytes(text), receive);
      const at = resolve(path, true);
      needParent(at, "append");
      const entry = entries.get(at) ?? fresh("file", 0o644);
      if (entry.type === "directory") fail("EISDIR", "append", path);
      entries.set(at, { ...entry, data: bytes(decoder.decode(entry.data) + text), mtime: clock });
    },
    stat(path) {
      const entry = entries.get(resolve(path, false));
      if (!entry) return undefined;
      const { type, data, target, mode, uid, gid, mtime } = entry;
      return { type, size: type === "link" ? target.length : data.length, mode, uid, gid, mtime };
    },
    list(path) {
      if (need(path, "list").type !== "directory") fail("ENOTDIR", "list", path);
      const at = resolve(path, true);
      const names = below(at).map((key) => key.slice(at === "/" ? 1 : at.length + 1));
      return names.filter((name) => name !== "" && !name.includes("/")).sort();
    },
    mkdir(path, { mode = 0o755 } = {}) {
      const at = resolve(path, true);
      const existing = entries.get(at);
      if (existing?.type === "directory") return;
      if (existing) fail("EEXIST", "mkdir", path);
      if (at !== "/") host.mkdir(parentOf(at));
      entries.set(at, fresh("directory", mode));
    },
    remove(path) {
      const at = resolve(path, false);
      for (const key of below(at)) entries.delete(key);
      entries.delete(at);
    },
    rename(from, to) {
      const source = resolve(from, false);
      const target = resolve(to, false);
      const moved = need(from, "rename", false);
      needParent(target, "rename");
      for (const key of below(source)) {
        const entry = entries.get(key);
        if (entry) entries.set(target + key.slice(source.length), entry);
        entries.delete(key);
      }
      entries.delete(source);
      entries.set(target, moved);
    },
    symlink(target, path) {
      const at = resolve(path, false);
      needParent(at, "symlink");
      if (entries.get(at)?.type === "directory") fail("EISDIR", "symlink", path);
      entries.set(at, fresh("link", 0o777, undefined, target));
    },
    readLink(path) {
      const entry = need(path, "readlink", false);
      return entry.type === "link" ? entry.target : fail("EIO", "readlink", path);
    },
    chmod(path, mode) {
      need(path, "chmod").mode = mode;
    },
    chown(path, owner) {
      const entry = need(path, "chown", false);
      const [user = "", group] = owner.split(":");
      entry.uid = accountNumber(user);
      if (group !== undefined) entry.gid = accountNumber(group || user);
    },

    exec: (argv, { background: _, ...execOptions } = {}) => execBy(spawn, argv, execOptions),
    spawn,
    openPipe(receive) {
      const path = `/proc/1/fd/${pipesOpened++}`;
      pipes.set(path, receive);
      return { path, close: async () => void pipes.delete(path) };
    },
    warn: (text) => void warned.push(text),
    now: () => clock,
    monotonic: () => clock,
    async sleep(milliseconds) {
      clock += milliseconds;
    },
  };

  function spawn(argv: readonly string[], spawnOptions: SpawnOptions = {}): Child {
    ran.push([...argv]);
    return startProgram(options.programs?.[argv[0] ?? ""] ?? notFound, argv, spawnOptions);
  }

  for (const [path, data] of Object.entries(options.files ?? {})) {
    host.mkdir(parentOf(path));
    host.write(path, data);
  }
  return host;
}

const CHUNK = 65536;

function inChunks(data: Uint8Array, receive: OnChunk, isOpen = () => true): void {
  for (let at = 0; at < data.length && isOpen(); at += CHUNK) receive(data.slice(at, at + CHUNK));
}

const notFound: Program = ([name]) => ({ status: 127, stderr: `${name}: not found` });

function startProgram(program: Program, argv: readonly string[], options: SpawnOptions): Child {
  let stop: (status: number) => void = () => {};
  let running = true;
  const stopped = new Promise<Partial<ExecResult>>((resolve) => {
    stop = (status) => resolve({ status });
  });
  const deliver = (text: string, receive: OnChunk = () => {}) => inChunks(encoder.encode(text), receive, () => running);
  const work = async () => program(argv, options, (text) => deliver(text, options.onChunk));
  const end = async () => {
    try {
      const { status = 0, stdout = "", stderr = "" } = await Promise.race([work(), stopped]);
      deliver(stdout, options.onChunk);
      deliver(stderr, options.onErrorChunk);
      return status;
    } finally {
      running = false;
    }
  };
  return { ended: end(), kill: (signal = "SIGTERM") => stop(signal === "SIGTERM" ? 143 : 137) };
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

/** Numbers stay. `root` is 0, and every other name is the first ordinary account. */
function accountNumber(name: string): number {
  if (/^\d+$/.test(name)) return Number(name);
  return name === "root" ? 0 : 1000;
}
