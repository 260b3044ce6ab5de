import { type Host, HostError } from "./host.ts";
import type { Program } from "./memory.ts";

export interface HostCase {
  readonly name: string;
  /** The case runs programs of a real machine (`sh`, `cat`): not for the memory host. */
  readonly programs?: boolean;
  /** The memory host has no shell. This is what `sh` does there in this case. */
  readonly sh?: Program;
  /** Throws when the host misbehaves. `dir` is an empty directory. */
  run(host: Host, dir: string): void | Promise<void>;
}

/** What every host must do. Plain functions, so that they run under QuickJS, too. */
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
    name: "keeps an existing file open, and writes to it piece by piece",
    run(host, dir) {
      host.write(`${dir}/device`, "12345678");
      const file = host.openForWriting(`${dir}/device`);
      file.write("ab");
      file.write("cü");
      same(host.readText(`${dir}/device`), "abcü678");
      file.close();
      same(host.readText(`${dir}/device`), "abcü678");
      refused(() => host.openForWriting(`${dir}/none`), "ENOENT", `${dir}/none`);
      refused(() => host.openForWriting(dir), "EISDIR");
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
    name: "runs a program in the background, with its own status and output",
    sh: () => ({ status: 3, stdout: "10\n" }),
    async run(host) {
      const told = await host.exec(["sh", "-c", "nice; exit 3"], { background: true });
      same(told, { status: 3, stdout: "10\n", stderr: "" });
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
    name: "hands output over while the program still runs",
    sh: (_, __, write) =>
      new Promise((resolve) => {
        asked = () => resolve({ stdout: "two\n", stderr: "three\n" });
        write("one\n");
      }),
    async run(host, dir) {
      const said: string[] = [];
      const script = "echo one; until [ -e go ]; do sleep 0.02; done; echo two; echo three >&2";
      const child = host.spawn(["sh", "-c", script], {
        cwd: dir,
        timeoutMs: 20_000,
        onChunk(chunk) {
          said.push(`1 ${textOf([chunk])}`);
          host.write(`${dir}/go`, "");
          asked();
        },
        onErrorChunk: (chunk) => said.push(`2 ${textOf([chunk])}`),
      });
      same(await child.ended, 0);
      same(said.sort(), ["1 one\n", "1 two\n", "2 three\n"]);
    },
  },
  {
    name: "hands over more output than memory should hold, in pieces, whole",
    sh: () => ({ status: 5, stdout: "x".repeat(3_000_000) }),
    async run(host) {
      const sizes: number[] = [];
      const child = host.spawn(["sh", "-c", "head -c 3000000 /dev/zero; exit 5"], {
        onChunk: (chunk) => sizes.push(chunk.length),
      });
      same(await child.ended, 5);
      same(Math.max(...sizes) <= 65536, true);
      same(
        sizes.reduce((a, b) => a + b),
        3_000_000,
      );
    },
  },
  {
    name: "ends a program with the signal that is sent to it, and sends none to one that has ended",
    sh: (_, __, write) => {
      write("started\n");
      return new Promise(() => {});
    },
    async run(host) {
      for (const [signal, status] of [[undefined, 143] as const, ["SIGKILL", 137] as const]) {
        let start = () => {};
        const started = new Promise<void>((resolve) => {
          start = resolve;
        });
        const child = host.spawn(["sh", "-c", "echo started; exec sleep 20"], { onChunk: start });
        await started;
        child.kill(signal);
        same(await child.ended, status);
        child.kill();
      }
    },
  },
  {
    name: "kills a program whose output is refused, and rejects with the reason",
    sh: () => ({ stdout: "y" }),
    async run(host) {
      let calls = 0;
      const child = host.spawn(["sh", "-c", "yes"], {
        onChunk() {
          calls++;
          throw new Error("no more");
        },
      });
      const outcome = await child.ended.then(
        (status) => `status ${status}`,
        ({ message }: Error) => message,
      );
      same([outcome, calls], ["no more", 1]);
    },
  },
  {
    name: "gives a spawned program that does not exist the status 127, too",
    async run(host) {
      const said: Uint8Array[] = [];
      const child = host.spawn(["no-such-program-anywhere"], {
        onChunk: (chunk) => said.push(chunk),
        onErrorChunk: () => {},
      });
      same([await child.ended, said.length], [127, 0]);
    },
  },
  {
    name: "waits for a program that closes its output and goes on",
    programs: true,
    async run(host, dir) {
      const script = "echo bye; exec >&- 2>&-; until [ -e go ]; do sleep 0.02; done; exit 7";
      const said: Uint8Array[] = [];
      let ended = false;
      const child = host.spawn(["sh", "-c", script], {
        cwd: dir,
        onChunk: (chunk) => said.push(chunk),
        onErrorChunk: () => {},
      });
      const status = child.ended.finally(() => {
        ended = true;
      });
      await host.sleep(100);
      same([ended, textOf(said)], [false, "bye\n"]);
      host.write(`${dir}/go`, "");
      same(await status, 7);
    },
  },
  {
    name: "does not wait for what a program left in the background with its output, and loses nothing of its own",
    programs: true,
    async run(host) {
      const before = host.monotonic();
      const { status, stdout } = await host.exec(["sh", "-c", "sleep 20 & head -c 50000 /dev/zero; exit 3"]);
      same([status, stdout.length, host.monotonic() - before < 10_000], [3, 50_000, true]);
    },
  },
  {
    name: "kills a spawned program on a timeout",
    programs: true,
    async run(host) {
      same(await host.spawn(["sh", "-c", "sleep 20"], { timeoutMs: 100, onChunk: () => {} }).ended, 124);
    },
  },
  {
    name: "runs many programs side by side, each with its own output",
    programs: true,
    async run(host) {
      const numbers = Array.from({ length: 20 }, (_, index) => `${index}`);
      const results = await Promise.all(
        numbers.map((number) => host.exec(["sh", "-c", `echo ${number}; exit ${number}`])),
      );
      same(
        results.map(({ status, stdout }) => `${status} ${stdout.trim()}`),
        numbers.map((number) => `${number} ${number}`),
      );
    },
  },
  {
    name: "keeps characters whole that lie across pieces of output",
    sh: () => ({ stdout: `x${"ü".repeat(100_000)}` }),
    async run(host) {
      const script = "printf x; cat";
      const { stdout } = await host.exec(["sh", "-c", script], { input: "ü".repeat(100_000) });
      same(stdout === `x${"ü".repeat(100_000)}`, true);
    },
  },
  {
    name: "receives what is written to its pipes, each by itself, whole",
    async run(host) {
      const said: Record<string, string> = { a: "", b: "" };
      const open = (name: string) => host.openPipe((chunk) => (said[name] += textOf([chunk])));
      const [a, b] = [open("a"), open("b")];
      host.append(a.path, "one\n");
      host.append(b.path, "x".repeat(50_000));
      host.append(a.path, "two\n");
      await a.close();
      await b.close();
      await b.close();
      same([said.a, said.b?.length], ["one\ntwo\n", 50_000]);
    },
  },
  {
    name: "lets several programs write to a pipe, more than it holds, while they run",
    programs: true,
    async run(host) {
      let count = 0;
      let pieces = 0;
      const pipe = host.openPipe((chunk) => {
        count += chunk.length;
        pieces = Math.max(pieces, chunk.length);
      });
      for (let round = 0; round < 2; round++) {
        same((await host.exec(["sh", "-c", `head -c 300000 /dev/zero > ${pipe.path}`])).status, 0);
      }
      await pipe.close();
      same([count, pieces <= 65536], [600_000, true]);
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

/** Cases for QuickJS only. */
export const quickjsCases: readonly HostCase[] = [
  {
    name: "sleeps while a program runs that says nothing",
    async run(host) {
      const wakeUps = () => Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(host.readText("/proc/self/status"))?.[1]);
      const before = wakeUps();
      await host.exec(["sleep", "2"]);
      const times = wakeUps() - before;
      if (times > 15) throw new Error(`woke up ${times} times in two seconds`);
    },
  },
  {
    name: "lets the kernel be late only while every timer may be, and never with the timers of programs",
    async run(host) {
      const slack = (text = host.readText("/proc/self/timerslack_ns")) => Number(text) / 1e9;
      const usual = slack();
      void host.sleep(3_600_000, { roughly: true });
      same(slack(), 60);
      const nap = host.sleep(10);
      same(slack(), usual);
      await nap;
      same(slack(), 60);
      same(slack((await host.exec(["cat", "/proc/self/timerslack_ns"])).stdout), usual);
      same(slack(), 60);
    },
  },
];

/** Tells the memory host's `sh` that its first output arrived. */
let asked = () => {};

function textOf(chunks: readonly Uint8Array[]): string {
  return chunks.map((chunk) => String.fromCharCode(...chunk)).join("");
}

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
