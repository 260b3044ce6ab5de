import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Tools, toolsIn } from "../build/tools.ts";
import { K3osError } from "../errors.ts";
import { findMachine, machineNames, type StartOptions, startMachine } from "./machine.ts";
import { isAlive } from "./process.ts";

const home = mkdtempSync(join(tmpdir(), "k3os-machines-"));
const fakeQemu = join(home, "..", `k3os-fake-qemu-${process.pid}.mjs`);

/** A fake QEMU with the QMP commands that a machine needs. It ends when the power button is pressed. */
const fakeQemuSource = `
import { createServer } from "node:net";
const [behaviour, ...argv] = process.argv.slice(2);
if (behaviour === "complains") {
  console.error("qemu-system-x86_64: -m 99: no such memory");
  process.exit(1);
}
const path = /unix:([^,]+)/.exec(argv[argv.indexOf("-qmp") + 1])[1];
createServer((socket) => {
  socket.write('{"QMP": {}}\\n');
  socket.on("error", () => {});
  socket.setEncoding("utf8").on("data", (text) => {
    for (const line of text.trim().split("\\n")) {
      const { execute, id } = JSON.parse(line);
      socket.write(JSON.stringify({ return: {}, id }) + "\\n");
      if (execute === "system_powerdown" && behaviour !== "deaf") setTimeout(() => process.exit(0), behaviour === "slow" ? 400 : 0);
    }
  });
}).listen(path);
`;

beforeAll(() => writeFileSync(fakeQemu, fakeQemuSource));
afterAll(async () => {
  for (const name of machineNames(home)) await findMachine(name, home)?.stop({ graceMs: 0 });
  rmSync(home, { recursive: true, force: true });
  rmSync(fakeQemu);
});

function tools(behaviour: string): Tools {
  return {
    ...toolsIn(home),
    command: ([name = "", ...args]) => {
      if (name !== "ssh-keygen") return { argv: [process.execPath, fakeQemu, behaviour, ...args], env: {} };
      return { argv: ["sh", "-c", 'echo "ssh-ed25519 KEY" >"$0.pub"; echo KEY >"$0"', args.at(-1) ?? ""], env: {} };
    },
  };
}

function options(name: string, behaviour = "obeys"): StartOptions {
  const boot = { kind: "image", dir: "/img" } as const;
  return { name, architecture: "amd64", tools: tools(behaviour), boot, accel: "tcg", memoryMiB: 1024, cpus: 1, home };
}

describe("a machine", () => {
  it("runs until its power button is pressed", async () => {
    const machine = await startMachine(options("a"));
    expect(machine.state).toBe("running");
    expect(machineNames(home)).toEqual(["a"]);
    expect(findMachine("a", home)?.record.ports.ssh).toBeGreaterThan(1023);
    expect(await machine.stop()).toBe(true);
    expect(machine.state).toBe("stopped");
    machine.remove();
    expect(existsSync(machine.paths.dir)).toBe(false);
  });

  it("is switched off when it does not listen", async () => {
    const machine = await startMachine(options("deaf", "deaf"));
    expect(await machine.stop({ graceMs: 100, phase: "failed" })).toBe(false);
    expect(machine.state).toBe("failed");
  });

  it("that goes after the user stopped waiting for it was stopped", async () => {
    const machine = await startMachine(options("slow", "slow"));
    const signal = AbortSignal.timeout(100);
    await expect(machine.stop({ signal })).rejects.toThrow();
    expect(machine.state).toBe("running");
    while (isAlive(machine.record.process)) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(machine.state).toBe("stopped");
  });

  it("has its name for itself", async () => {
    const machine = await startMachine(options("one"));
    await expect(startMachine(options("one"))).rejects.toThrow('A machine named "one" is already running.');
    expect(() => machine.remove()).toThrow("is running");
    expect(machine.state).toBe("running");
  });

  it("that crashed is known as such, and can be started again", async () => {
    const machine = await startMachine(options("crash"));
    const id = machine.record.process;
    process.kill(id.pid, "SIGKILL");
    while (isAlive(id)) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(machine.state).toBe("crashed");
    expect((await startMachine(options("crash"))).state).toBe("running");
  });

  it("leaves nothing behind when QEMU refuses", async () => {
    const start = startMachine(options("refused", "complains"));
    await expect(start).rejects.toThrow(/^QEMU ended at once: .*no such memory$/);
    expect(readdirSync(home)).not.toContain("refused");
  });

  it("leaves nothing behind when the user stops its start", async () => {
    const signal = AbortSignal.abort(new K3osError("interrupted", "Interrupted."));
    await expect(startMachine({ ...options("stopped"), signal })).rejects.toThrow("Interrupted.");
    expect(readdirSync(home)).not.toContain("stopped");
  });

  it("refuses a port that somebody has", async () => {
    const taken = findMachine("one", home)?.record.ports.ssh ?? 0;
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(taken, "127.0.0.1", resolve));
    await expect(startMachine({ ...options("port"), ports: { ssh: taken } })).rejects.toThrow(
      `Port ${taken}, wanted for ssh, is taken.`,
    );
    server.close();
  });
});
