/**
 * The parts of QuickJS's own modules that we use (QuickJS 2025-04-26, "Standard library" in its manual). Named `qjs:`
 * here because Node.js has an `os` too; the bundler writes the real names.
 */
declare module "qjs:std" {
  export interface StdFile {
    puts(text: string): void;
    write(buffer: ArrayBuffer, offset: number, length: number): number;
    seek(offset: number, whence: number): number;
    flush(): void;
    fileno(): number;
    close(): number;
  }
  export const SEEK_SET: number;
  export const out: StdFile;
  export const err: StdFile;
  export function loadFile(path: string, options: { binary: true }): Uint8Array | null;
  export function tmpfile(): StdFile | null;
  export function exit(status: number): never;
  export function getenviron(): Record<string, string>;
}

declare module "qjs:os" {
  export interface QuickJsStat {
    mode: number;
    uid: number;
    gid: number;
    size: number;
    mtime: number;
  }
  export interface QuickJsExecOptions {
    block?: boolean;
    usePath?: boolean;
    cwd?: string;
    stdin?: number;
    stdout?: number;
    stderr?: number;
    env?: Record<string, string>;
  }
  export const O_RDONLY: number;
  export const O_WRONLY: number;
  export const O_CREAT: number;
  export const O_EXCL: number;
  export const O_APPEND: number;
  export const O_TRUNC: number;
  export const S_IFMT: number;
  export const S_IFDIR: number;
  export const S_IFREG: number;
  export const S_IFLNK: number;
  export const SIGCHLD: number;
  export const SIGINT: number;
  export const WNOHANG: number;
  /** A descriptor, or -errno. */
  export function open(path: string, flags: number, mode?: number): number;
  export function close(fd: number): number;
  export function read(fd: number, buffer: ArrayBuffer, offset: number, length: number): number;
  export function write(fd: number, buffer: ArrayBuffer, offset: number, length: number): number;
  export function lstat(path: string): [QuickJsStat, number];
  export function readdir(path: string): [string[], number];
  export function readlink(path: string): [string, number];
  export function mkdir(path: string, mode?: number): number;
  export function remove(path: string): number;
  export function rename(from: string, to: string): number;
  export function symlink(target: string, path: string): number;
  export function pipe(): [number, number] | null;
  /** The process id, or with `block` the exit status (negative: ended by that signal). */
  export function exec(argv: string[], options?: QuickJsExecOptions): number;
  export function waitpid(pid: number, options: number): [number, number];
  export function kill(pid: number, signal: number): number;
  export function signal(signal: number, handler: (() => void) | null): void;
  export function setReadHandler(fd: number, handler: (() => void) | null): void;
  export function setTimeout(handler: () => void, milliseconds: number): unknown;
  export function clearTimeout(timer: unknown): void;
  /** Monotonic milliseconds, with a fraction. */
  export function now(): number;
  export function getpid(): number;
  export function isatty(fd: number): boolean;
  /** Columns and rows; `null` where the terminal does not know. */
  export function ttyGetWinSize(fd: number): [number, number] | null;
}

declare const scriptArgs: string[];
