import { execFileSync, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { K3osError } from "../errors.ts";
import type { Progress } from "../progress.ts";
import { pruneStore, rememberBuild } from "./prune.ts";
import { type Runner, runRecipe, type Step as StepOf } from "./steps.ts";
import { openStore, type Store } from "./store.ts";

type Step = StepOf<unknown, "test">;

let root: string;
let store: Store;
let events: string[];
let progress: Progress;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "steps-"));
  store = openStore(root);
  events = [];
  progress = {
    step: (title) => ({
      update: (detail) => events.push(`${title}: ${detail}`),
      done: (note) => events.push(`${title} done${note ? ` (${note})` : ""}`),
      fail: (log) => events.push(`${title} failed${log ? ` (${log})` : ""}`),
    }),
  };
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const recipe = <T>(make: (runner: Runner<"test">) => Promise<T>, signal?: AbortSignal, makers = { test: "1" }) =>
  runRecipe({ store, progress, makers, signal }, make);

const hello = (parts: unknown, counter = { runs: 0 }): Step => ({
  name: "hello",
  title: "Hello",
  maker: "test",
  parts,
  async make({ out }) {
    counter.runs += 1;
    writeFileSync(join(out, "file"), "hello");
    return "5 bytes";
  },
});

const command = (script: string, name = "command"): Step => ({
  name,
  title: name,
  maker: "test",
  parts: script,
  async make(work) {
    return work.command(["sh", "-c", script]);
  },
});

/** As dpkg-deb leaves the directory that it unpacks a package into. */
function old(directory: string): undefined {
  utimesSync(directory, 1_000_000, 1_000_000);
  return undefined;
}

const leftovers = () => readdirSync(store.directory("unfinished"));

describe("a step", () => {
  it("is made even if its log cannot be written", async () => {
    const key = (await recipe((runner) => runner.run(hello("logged")))).split("/").at(-1) ?? "";
    await store.remove(key);
    rmSync(join(store.directory("logs"), `${key}.log`));
    mkdirSync(join(store.directory("logs"), `${key}.log`));
    await recipe((runner) => runner.run(hello("logged")));
    expect(store.has(key)).toBe(true);
  });

  it("has a result as old as its making, whatever is unpacked into it", async () => {
    const path = await recipe((runner) => runner.run({ ...hello("old"), make: async ({ out }) => old(out) }));
    expect(Date.now() - statSync(path).mtimeMs).toBeLessThan(60_000);
  });

  it("is done once for the same inputs, whatever the order of their keys", async () => {
    const counter = { runs: 0 };
    const first = await recipe((runner) => runner.run(hello({ a: 1, b: [2] }, counter)));
    const second = await recipe((runner) => runner.run(hello({ b: [2], a: 1 }, counter)));
    expect([second, counter.runs]).toEqual([first, 1]);
    expect(readFileSync(join(first, "file"), "utf8")).toBe("hello");
    expect(events).toEqual(["Hello done (5 bytes)", "Hello done (cached)"]);
    expect(await recipe((runner) => runner.run(hello({ a: 2 }, counter)))).not.toBe(first);
  });

  it("that fails leaves nothing but its log, whose path it tells", async () => {
    const failing = recipe((runner) => runner.run(command("echo detail >&2; exit 3")));
    const error: K3osError = await failing.catch((reason) => reason);
    const log = join(root, "logs", readdirSync(join(root, "logs"))[0] ?? "");
    expect(error).toMatchObject({ kind: "build", message: "command failed: sh ended with status 3: detail" });
    expect(error.hint).toContain(log);
    expect(events).toEqual([`command failed (${log})`]);
    expect(readFileSync(log, "utf8")).toContain("detail");
    expect([readdirSync(join(root, "store")), leftovers()]).toEqual([[], []]);
  });

  it("is made anew when the code of its maker has changed", async () => {
    const counter = { runs: 0 };
    const make = (code: string) => recipe((runner) => runner.run(hello("same", counter)), undefined, { test: code });
    expect(await make("new")).not.toBe(await make("old"));
    expect(counter.runs).toBe(2);
  });

  it("that fails leaves its files and its command behind when that is wanted", async () => {
    const script = "echo half >file; exit 3";
    const failing: Step = {
      ...command(""),
      async make(work) {
        writeFileSync(join(work.out, "made"), "so far");
        return work.command(["sh", "-c", script], { cwd: work.scratch, env: { WORD: "it's" } });
      },
    };
    const build = runRecipe({ store, progress, makers: { test: "1" }, keepFailed: true }, ({ run }) => run(failing));
    const error: K3osError = await build.catch((reason) => reason);
    const kept = join(root, "failed", readdirSync(join(root, "failed"))[0] ?? "");
    expect(error.hint).toContain(kept);
    expect(readFileSync(join(kept, "out/made"), "utf8")).toBe("so far");
    rmSync(join(kept, "scratch/file"));
    expect(() => execFileSync(join(kept, "command.sh"), { stdio: "pipe" })).toThrow(
      expect.objectContaining({ status: 3 }),
    );
    expect(readFileSync(join(kept, "scratch/file"), "utf8")).toBe("half\n");
    expect([readdirSync(join(root, "store")), leftovers()]).toEqual([[], []]);
  });

  it("says in plain words that the disk is full", async () => {
    const failing = recipe((runner) => runner.run(command("echo 'write: No space left on device' >&2; exit 1")));
    await expect(failing).rejects.toMatchObject({ kind: "host", message: expect.stringContaining("disk is full") });
  });
});

describe("a recipe", () => {
  it("runs steps side by side", async () => {
    const marks = [join(root, "a"), join(root, "b")];
    const wait = (own: string, other: string) =>
      command(`touch ${own}; until [ -e ${other} ]; do sleep 0.02; done`, own.slice(-1));
    const [a = "", b = ""] = marks;
    await recipe((runner) => Promise.all([runner.run(wait(a, b)), runner.run(wait(b, a))]));
    expect(marks.every((mark) => existsSync(mark))).toBe(true);
  });

  it("stops the other steps when one fails, and throws that failure once they are gone", async () => {
    const pidFile = join(root, "pid");
    const failing = recipe((runner) =>
      Promise.all([
        runner.run(command(`sleep 60 & echo $! > ${pidFile}; wait`, "long")),
        runner.run(command(`until [ -s ${pidFile} ]; do sleep 0.02; done; exit 1`, "short")),
      ]),
    );
    await expect(failing).rejects.toMatchObject({ kind: "build", message: expect.stringContaining("short failed") });
    expect(isAlive(Number(readFileSync(pidFile, "utf8")))).toBe(false);
    expect(leftovers()).toEqual([]);
  });

  it("that is aborted kills the children of its children and is interrupted", async () => {
    const stop = new AbortController();
    const pidFile = join(root, "pid");
    const stopped = recipe((runner) => runner.run(command(`sleep 60 & echo $! > ${pidFile}; wait`)), stop.signal);
    const outcome = stopped.catch((error) => error);
    while (!existsSync(pidFile) || readFileSync(pidFile, "utf8") === "") await delay(10);
    stop.abort();
    expect(await outcome).toMatchObject({ kind: "interrupted" });
    expect(isAlive(Number(readFileSync(pidFile, "utf8")))).toBe(false);
    expect([readdirSync(join(root, "store")), leftovers()]).toEqual([[], []]);
  });
});

describe("two builds at once", () => {
  it("make a result once: one makes it, the other takes it", async () => {
    const counter = { runs: 0 };
    const slow: Step = {
      ...hello("slow", counter),
      async make(work) {
        await delay(150);
        return hello("slow", counter).make(work, "slow");
      },
    };
    const paths = await Promise.all([recipe((runner) => runner.run(slow)), recipe((runner) => runner.run(slow))]);
    expect(new Set(paths).size).toBe(1);
    expect(counter.runs).toBe(1);
    expect(events.sort()).toEqual(["Hello done (5 bytes)", "Hello done (made meanwhile by another build)"]);
  });

  it("do not wait for one that was killed, and clear away what it left", async () => {
    const key = "hello-00000000000000000000";
    const holder = spawn("flock", [join(store.directory("locks"), key), "sleep", "60"], { detached: true });
    mkdirSync(join(store.directory("unfinished"), `${key}.1-1`));
    await delay(100);
    await store.sweep();
    expect(leftovers()).toEqual([`${key}.1-1`]);
    process.kill(-(holder.pid ?? 0), "SIGKILL");
    await delay(100);
    await store.sweep();
    expect(leftovers()).toEqual([]);
    expect(await store.make(key, new AbortController().signal, async () => {})).toBe("made");
  });
});

describe("pruning", () => {
  it("keeps what the latest builds are made of and what was used lately", async () => {
    const steps = ["old", "latest", "recent"].map((name) => hello(name));
    const [old = "", latest = "", recent = ""] = await recipe((runner) =>
      Promise.all(steps.map((step) => runner.run(step))),
    );
    rememberBuild(store, "image", [], new Set([latest]));
    for (const path of [old, latest]) execFileSync("touch", ["--date", "10 days ago", path]);
    expect(await pruneStore(store)).toBe(1);
    expect([old, latest, recent].map((path) => existsSync(path))).toEqual([false, true, true]);
  });

  it("keeps the latest build of each format", async () => {
    const steps = ["raw", "qcow2"].map((name) => hello(name));
    const made = await recipe((runner) => Promise.all(steps.map((step) => runner.run(step))));
    const [raw = "", qcow2 = ""] = made;
    rememberBuild(store, "raw", ["image.yaml"], new Set([raw]));
    rememberBuild(store, "qcow2", ["image.yaml"], new Set([qcow2]));
    for (const path of made) execFileSync("touch", ["--date", "10 days ago", path]);
    expect(await pruneStore(store)).toBe(0);
    rememberBuild(store, "raw", ["image.yaml"], new Set());
    expect(await pruneStore(store)).toBe(1);
    expect([raw, qcow2].map((path) => existsSync(path))).toEqual([false, true]);
  });

  it("goes further when the cache is too large", async () => {
    const [a = "", b = ""] = await recipe((runner) => Promise.all(["a", "b"].map((name) => runner.run(hello(name)))));
    execFileSync("touch", ["--date", "2 hours ago", a]);
    expect(await pruneStore(store, { maxBytes: 6 })).toBe(1);
    expect([existsSync(a), existsSync(b)]).toEqual([false, true]);
  });
});

function isAlive(pid: number): boolean {
  try {
    // A killed process that nobody reaped yet is dead, too.
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
