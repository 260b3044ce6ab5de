import { afterEach, beforeEach, vi } from "vitest";
import type { ExecOptions, ExecResult, Host } from "../host/host.ts";

/** The lines that a test has printed so far. They are not shown. */
export function catchPrinted(): string[] {
  const lines: string[] = [];
  beforeEach(() => {
    lines.length = 0;
    vi.spyOn(console, "log").mockImplementation((text) => void lines.push(String(text)));
  });
  afterEach(() => vi.restoreAllMocks());
  return lines;
}

/** The URL in curl's configuration, which `ps` does not show; empty if there is none. */
export function askedFor({ input = "" }: ExecOptions): string {
  return /^url = "(.*)"$/m.exec(String(input))?.[1] ?? "";
}

/** What `cp` does with these arguments on a host in memory: copies a file, or with `-al` links a directory. */
export function cp(host: Host, args: readonly string[]): Partial<ExecResult> {
  const [from = "", to = ""] = args.slice(-2);
  if (args[0] !== "-al") host.write(to, host.read(from));
  else {
    host.mkdir(to);
    for (const name of host.list(from)) host.write(`${to}/${name}`, host.read(`${from}/${name}`));
  }
  return {};
}

/** What a host in memory has for the sha256 of a text: short texts stay readable. */
export function sumOf(text: string): string {
  if (text.length < 40) return `sum:${text}`;
  const hash = [...text].reduce((sum, letter) => (Math.imul(sum, 31) + letter.charCodeAt(0)) >>> 0, 7);
  return hash.toString(16).padStart(8, "0").repeat(8);
}

/** Programs that change files as they would on a disk, for a host in memory. `host` is the host that has them. */
export function diskPrograms(host: () => Host) {
  const sum = (path: string) => sumOf(host().readText(path));
  return {
    sync: () => ({}),
    "fsck.fat": () => ({}),
    df: () => ({ stdout: "Filesystem blocks used free capacity at\n/dev/x 9 1 9000000 1% /\n" }),
    cp: ([, ...args]: readonly string[]) => cp(host(), args),
    sha256sum: ([, ...paths]: readonly string[]) => ({
      stdout: paths.map((path) => `${sum(path)}  ${path}\n`).join(""),
    }),
    // `linkOrCopy`, or a sum of what the disk has.
    sh: (argv: readonly string[]) =>
      argv[3] === "link" ? cp(host(), argv.slice(4)) : { stdout: `${sum(argv.at(-1) ?? "")}  -\n` },
    /** In place, as `conv=notrunc` does. */
    dd(argv: readonly string[], { input = "" }: ExecOptions) {
      const path = argv.find((word) => word.startsWith("of="))?.slice("of=".length) ?? "";
      if (host().stat(path)?.type !== "file") return {};
      const old = host().read(path);
      const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
      const whole = new Uint8Array(Math.max(old.length, bytes.length));
      whole.set(old);
      whole.set(bytes);
      host().write(path, whole);
      return {};
    },
  };
}
