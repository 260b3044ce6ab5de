import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { machinePaths, machinesDir } from "../../vm/paths.ts";
import { type MachineRecord, writeRecord } from "../../vm/record.ts";
import { run } from "../exit.ts";
import { testIo } from "../test-io.ts";

const directory = mkdtempSync(join(tmpdir(), "k3os-commands-"));
const before = process.env.XDG_STATE_HOME;
beforeAll(() => {
  process.env.XDG_STATE_HOME = directory;
});
afterAll(() => {
  if (before === undefined) delete process.env.XDG_STATE_HOME;
  else process.env.XDG_STATE_HOME = before;
  rmSync(directory, { recursive: true, force: true });
});

async function k3os(...words: string[]) {
  const io = testIo();
  const status = await run(words, io);
  return { status, out: io.out(), err: io.err() };
}

/** A stopped machine: its process belongs to an earlier boot of the host. */
function stoppedMachine(name: string): void {
  const paths = machinePaths(machinesDir(), name);
  mkdirSync(paths.dir, { recursive: true });
  writeFileSync(paths.serialLog, "its last words\n");
  const record: MachineRecord = {
    ...{
      format: 1,
      name,
      architecture: "amd64",
      phase: "stopped",
      process: { pid: 1, start: 0, boot: "an earlier one" },
    },
    ...{ started: "2026-01-01T00:00:00.000Z", boot: { kind: "image", dir: "/img" }, toolsRoot: "/tools" },
    ...{ accel: "tcg", memoryMiB: 1024, cpus: 2, ports: { ssh: 1, api: 2 } },
  };
  writeRecord(paths.record, record);
}

describe("without a machine", () => {
  it.each([["status"], ["kubectl"], ["ssh"], ["logs"], ["console"], ["upgrade"], ["down"], ["image", "load"]])(
    "%s %s says so, and how to start one",
    async (...words) => {
      const rest = words[0] === "image" ? ["/none.tar"] : [];
      expect(await k3os(...words, "--name", "a", ...rest)).toEqual({
        status: 1,
        out: "",
        err: 'k3os: There is no machine named "a".\n  Start it: ./k3os up --name a\n',
      });
    },
  );

  it("list says how to start one, and is an empty list for scripts", async () => {
    expect((await k3os("list")).out).toBe("There is no machine. Start one: ./k3os up\n");
    expect(JSON.parse((await k3os("list", "--json")).out)).toEqual([]);
  });
});

describe("with a machine that is stopped", () => {
  beforeAll(() => stoppedMachine("old"));

  it.each([["kubectl"], ["ssh"], ["console"], ["upgrade"], ["image", "load"]])("%s %s says so", async (...words) => {
    const rest = words[0] === "image" ? ["/none.tar"] : [];
    expect(await k3os(...words, "--name", "old", ...rest)).toEqual({
      status: 1,
      out: "",
      err: 'k3os: The machine "old" is not running (stopped).\n  Start it: ./k3os up --name old\n',
    });
  });

  it("status and list tell it, to scripts too", async () => {
    const { status, out } = await k3os("status", "--name", "old");
    expect(status).toBe(1);
    expect(out).toContain("state        stopped\n");
    expect(out).toContain("start        ./k3os up --name old\n");
    const told = JSON.parse((await k3os("status", "--name", "old", "--json")).out);
    expect(told).toMatchObject({ name: "old", state: "stopped", ready: false, pid: null, kubeconfig: null });
    expect(JSON.parse((await k3os("list", "--json")).out)).toEqual([told]);
  });

  it("logs has what it said", async () => {
    expect(await k3os("logs", "--name", "old", "--follow")).toEqual({ status: 0, out: "its last words\n", err: "" });
  });

  it("down changes nothing, and --purge forgets it", async () => {
    expect((await k3os("down", "--name", "old")).out).toBe('The machine "old" was not running (stopped).\n');
    expect(JSON.parse((await k3os("down", "--name", "old", "--json")).out)).toEqual({
      ...{ name: "old", was: "stopped", purged: false },
    });
    expect((await k3os("down", "--name", "old", "--purge")).out).toBe('Nothing of the machine "old" is left.\n');
    expect((await k3os("down", "--name", "old")).status).toBe(1);
  });
});

describe("up", () => {
  it("shows each mistake of a config before anything is built", async () => {
    const config = join(directory, "config.yaml");
    writeFileSync(config, "hostnmae: a\n");
    const { status, err } = await k3os("up", "--config", config);
    expect(status).toBe(1);
    expect(err).toContain("config.yaml:1:1 hostnmae: unknown key");
    expect(err).toContain(
      `k3os: ${config} has mistakes: nothing was done.\n  When they are corrected: ./k3os config check`,
    );
  });
});
