import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Tools, toolsIn } from "../build/tools.ts";
import { findMachine, machineNames, startMachine } from "./machine.ts";
import { guardBoot, watchStalls } from "./userland.ts";

const home = mkdtempSync(join(tmpdir(), "k3os-userland-"));
const fakeQemu = join(home, "qemu.mjs");

/** A fake QEMU whose guest loses its timers in the given number of boots, and reaches its userland in the next one. */
const fakeQemuSource = `
import { appendFileSync } from "node:fs";
import { createServer } from "node:net";
const [stalls, ...argv] = process.argv.slice(2);
let boots = 0;
const boot = () =>
  appendFileSync("serial.log", ++boots > Number(stalls)
    ? "OpenRC init version 0.56 starting\\n"
    : "[   47.1] rcu: rcu_preempt kthread timer wakeup didn't happen for 5252 jiffies!\\n");
boot();
createServer((socket) => {
  socket.write('{"QMP": {}}\\n');
  socket.on("error", () => {});
  socket.setEncoding("utf8").on("data", (text) => {
    for (const line of text.trim().split("\\n")) {
      const { execute, id } = JSON.parse(line);
      if (execute === "system_reset") boot();
      socket.write(JSON.stringify({ return: {}, id }) + "\\n");
    }
  });
}).listen(/unix:([^,]+)/.exec(argv[argv.indexOf("-qmp") + 1])[1]);
`;

beforeAll(() => writeFileSync(fakeQemu, fakeQemuSource));
afterAll(async () => {
  for (const name of machineNames(home)) await findMachine(name, home)?.stop({ graceMs: 0 });
  rmSync(home, { recursive: true, force: true });
});

function start(name: string, stalls: number) {
  const tools: Tools = {
    ...toolsIn(home),
    command: ([program = "", ...args]) => {
      if (program !== "ssh-keygen") return { argv: [process.execPath, fakeQemu, String(stalls), ...args], env: {} };
      return { argv: ["sh", "-c", 'echo "ssh-ed25519 KEY" >"$0.pub"; echo KEY >"$0"', args.at(-1) ?? ""], env: {} };
    },
  };
  const boot = { kind: "image", dir: "/img" } as const;
  return startMachine({ name, architecture: "amd64", tools, boot, accel: "tcg", memoryMiB: 1024, cpus: 1, home });
}

describe("a machine on its way to its userland", () => {
  const { signal } = new AbortController();

  it("is left alone if it does not stand still", async () => {
    const machine = await start("well", 0);
    const { started } = machine.record;
    await guardBoot(machine, { signal, onRestart: (reason) => expect.unreachable(reason) });
    expect(machine.record.started).toBe(started);
  });

  it("is started anew once if it stands still, and says so in the log of its console", async () => {
    const machine = await start("once", 1);
    const { started } = machine.record;
    const reasons: string[] = [];
    await guardBoot(machine, { signal, onRestart: (reason) => reasons.push(reason) });
    expect(reasons).toEqual(["its kernel has lost its timers"]);
    expect(readFileSync(machine.paths.serialLog, "utf8")).toMatch(
      /wakeup didn't happen.*\n\n--- k3os starts this machine anew: its kernel has lost its timers\nOpenRC/,
    );
    expect(machine.record.started > started).toBe(true);
  });

  it("is given up if it stands still twice", async () => {
    const machine = await start("twice", 2);
    await expect(guardBoot(machine, { signal })).rejects.toThrow(
      expect.objectContaining({
        message: 'The machine "twice" hung twice before its userland: its kernel has lost its timers.',
        hint: expect.stringContaining("wakeup didn't happen"),
      }),
    );
  });

  it("is started anew when it is silent and QEMU does nothing", async () => {
    const machine = await start("silent", 0);
    writeFileSync(machine.paths.serialLog, "");
    let clock = 0;
    const reasons: string[] = [];
    const watch = watchStalls(machine, { now: () => clock, onRestart: (reason) => reasons.push(reason) });
    for (clock = 0; clock < 30; clock += 5) await watch.look();
    expect(reasons).toEqual([]);
    await watch.look();
    expect(reasons).toEqual(["it printed nothing and did nothing for 30 s"]);
  });
});
