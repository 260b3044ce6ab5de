import { type Host, HostError } from "./host.ts";

export interface HostCase {
  readonly name: string;
  /** The case runs programs of a real machine (`sh`, `cat`). */
  readonly programs?: boolean;
  /** Throws when the host misbehaves. `dir` is an empty directory. */
  run(host: Host, dir: string): void | Promise<void>;
}

/** What every host must do, whatever it stands on. Plain functions, so that they run under QuickJS, too. */
export const hostCases: readonly HostCase[] = [
  {
    name: "reads back what it wrote, as text and as bytes",
    run(host, dir) {
      host.write(`${dir}/a`, "grüße\n");
      same(host.readText(`${dir}/a`), "grüße\n");
      host.write(`${dir}/b`, new Uint8Array([0, 255, 10]));
      same([...host.read(`${dir}/b`)], [0, 255, 10]);
    },
  },
  {
    name: "gives a new file its mode and lets an existing one keep its own",
    run(host, dir) {
      host.write(`${dir}/open`, "");
      same(host.stat(`${dir}/open`)?.mode, 0o644);
      host.write(`${dir}/secret`, "1", { mode: 0o600 });
      host.write(`${dir}/secret`, "2");
      same([host.stat(`${dir}/secret`)?.mode, host.readText(`${dir}/secret`)], [0o600, "2"]);
    },
  },
  {
    name: "gives an existing file the mode that is asked for",
    run(host, dir) {
      host.write(`${dir}/secret`, "");
      host.write(`${dir}/secret`, "1", { mode: 0o600 });
      same(host.stat(`${dir}/secret`)?.mode, 0o600);
    },
  },
  {
    name: "leaves nothing beside a replaced file",
    run(host, dir) {
      host.write(`${dir}/a`, "1");
      host.write(`${dir}/a`, "2");
      same(host.list(dir), ["a"]);
    },
  },
  {
    name: "names the code and the path of a refused operation",
    run(host, dir) {
      refused(() => host.read(`${dir}/none`), "ENOENT", `${dir}/none`);
      refused(() => host.write(`${dir}/none/a`, ""), "ENOENT");
      refused(() => host.list(`${dir}/none`), "ENOENT");
      host.mkdir(`${dir}/d`);
      refused(() => host.write(`${dir}/d`, ""), "EISDIR");
      same(host.list(dir), ["d"]);
      host.write(`${dir}/f`, "");
      refused(() => host.list(`${dir}/f`), "ENOTDIR");
      refused(() => host.poke(`${dir}/none`, ""), "ENOENT");
    },
  },
  {
    name: "pokes into an existing file and appends to one that need not exist",
    run(host, dir) {
      host.write(`${dir}/a`, "0");
      host.poke(`${dir}/a`, "1");
      same(host.readText(`${dir}/a`), "1");
      host.append(`${dir}/log`, "one\n");
      host.append(`${dir}/log`, "two\n");
      same(host.readText(`${dir}/log`), "one\ntwo\n");
    },
  },
  {
    name: "tells what is at a path without following a link",
    run(host, dir) {
      host.write(`${dir}/file`, "12345");
      host.mkdir(`${dir}/directory`, { mode: 0o700 });
      host.symlink("file", `${dir}/link`);
      same(
        ["file", "directory", "link", "none"].map((name) => host.stat(`${dir}/${name}`)?.type),
        ["file", "directory", "link", undefined],
      );
      same(host.stat(`${dir}/file`)?.size, 5);
      same(host.stat(`${dir}/directory`)?.mode, 0o700);
      same(host.stat(`${dir}/file/below`), undefined);
    },
  },
  {
    name: "lists names in order",
    run(host, dir) {
      for (const name of ["b", "a", ".hidden", "c"]) host.write(`${dir}/${name}`, "");
      same(host.list(dir), [".hidden", "a", "b", "c"]);
    },
  },
  {
    name: "makes parents, and does nothing when the directory exists",
    run(host, dir) {
      host.mkdir(`${dir}/a/b/c`);
      host.write(`${dir}/a/b/c/file`, "");
      host.mkdir(`${dir}/a/b/c`);
      same(host.list(`${dir}/a/b/c`), ["file"]);
      same(host.stat(`${dir}/a`)?.mode, 0o755);
    },
  },
  {
    name: "gives up where no directory can be made",
    programs: true,
    run(host, dir) {
      refused(() => host.mkdir("/proc/none/below"), "ENOENT");
      host.write(`${dir}/file`, "");
      refused(() => host.mkdir(`${dir}/file/below`), "ENOTDIR");
    },
  },
  {
    name: "removes files, links and trees, and what is not there",
    run(host, dir) {
      host.mkdir(`${dir}/tree/deep`);
      host.write(`${dir}/tree/deep/file`, "");
      host.write(`${dir}/kept`, "kept");
      host.symlink("kept", `${dir}/link`);
      for (const name of ["tree", "link", "none"]) host.remove(`${dir}/${name}`);
      same(host.list(dir), ["kept"]);
    },
  },
  {
    name: "renames over a file, and whole directories",
    run(host, dir) {
      host.write(`${dir}/a`, "new");
      host.write(`${dir}/b`, "old");
      host.rename(`${dir}/a`, `${dir}/b`);
      same([host.list(dir), host.readText(`${dir}/b`)], [["b"], "new"]);
      host.mkdir(`${dir}/d`);
      host.write(`${dir}/d/file`, "");
      host.rename(`${dir}/d`, `${dir}/e`);
      same([host.list(dir), host.list(`${dir}/e`)], [["b", "e"], ["file"]]);
    },
  },
  {
    name: "replaces a link, and reads through it",
    run(host, dir) {
      host.write(`${dir}/one`, "1");
      host.write(`${dir}/two`, "2");
      host.symlink("one", `${dir}/link`);
      host.symlink("two", `${dir}/link`);
      same([host.readLink(`${dir}/link`), host.readText(`${dir}/link`)], ["two", "2"]);
      same(host.list(dir), ["link", "one", "two"]);
    },
  },
  {
    name: "changes the mode",
    run(host, dir) {
      host.write(`${dir}/a`, "");
      host.chmod(`${dir}/a`, 0o4755);
      same(host.stat(`${dir}/a`)?.mode, 0o4755);
    },
  },
  {
    name: "gives status 127 for a program that does not exist",
    async run(host) {
      same((await host.exec(["no-such-program-anywhere"])).status, 127);
    },
  },
  {
    name: "passes input, environment and directory to a program and returns what it wrote",
    programs: true,
    async run(host, dir) {
      const result = await host.exec(["sh", "-c", 'cat; echo "$GREETING $PWD"; echo bad >&2; exit 3'], {
        input: "in\n",
        env: { GREETING: "hello" },
        cwd: dir,
      });
      same(result, { status: 3, stdout: `in\nhello ${dir}\n`, stderr: "bad\n" });
    },
  },
  {
    name: "reports the signal that ended a program, and a timeout as 124",
    programs: true,
    async run(host) {
      same((await host.exec(["sh", "-c", "kill -TERM $$"])).status, 143);
      const before = host.monotonic();
      same((await host.exec(["sh", "-c", "sleep 20"], { timeoutMs: 100 })).status, 124);
      same(host.monotonic() - before < 5000, true);
    },
  },
  {
    name: "carries more output than a pipe holds",
    programs: true,
    async run(host) {
      const { stdout } = await host.exec(["cat"], { input: "x".repeat(300_000) });
      same(stdout.length, 300_000);
    },
  },
  {
    name: "sleeps on a clock that only goes forward",
    async run(host) {
      const before = host.monotonic();
      await host.sleep(10);
      same(host.monotonic() - before >= 9, true);
    },
  },
];

function same(actual: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`expected ${b}, got ${a}`);
}

function refused(action: () => unknown, code: string, path?: string): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    same(error.code, code);
    if (path !== undefined) same(error.path, path);
    return;
  }
  throw new Error(`expected ${code}, but nothing was thrown`);
}
