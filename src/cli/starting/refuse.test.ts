import { describe, expect, it } from "vitest";
import { findMachine } from "../../vm/machine.ts";
import { architectureOf, beginsAnew, type How } from "./boot.ts";
import type { Plan, Planned } from "./plan.ts";
import { refuseEarly } from "./refuse.ts";
import { noteDisk, noteMachine, useNoMachines } from "./testing.ts";

useNoMachines();

/** A cluster whose agent runs. */
function planWith(server: Partial<Planned> = {}): Plan {
  noteMachine("c");
  noteMachine("c-agent-1", { runs: true });
  const hardware = { memoryMiB: 1, cpus: 1 };
  const running = findMachine("c-agent-1");
  if (running === undefined) throw new Error("the agent was not noted");
  const agents = [{ name: "c-agent-1", hardware, running }];
  return { server: { name: "c", hardware, ...server }, otherServers: [], agents };
}

const onDisk = { hardware: { memoryMiB: 1, cpus: 1, disk: 4096 } };
const early = (plan: Plan) => refuseEarly({ timeout: 1, wait: true }, plan);

describe("a server that is switched on while its agents run", () => {
  it("begins anew without a disk, and with one that is yet to be made", () => {
    expect([beginsAnew(planWith()), beginsAnew(planWith(onDisk))]).toEqual([true, true]);
    const config = "k3os: { environment: { K3S_DATASTORE_ENDPOINT: 'postgres://10.0.0.1/k3s' } }\n";
    expect(beginsAnew(planWith({ config }))).toBe(false);
    noteDisk("c");
    expect(beginsAnew(planWith(onDisk))).toBe(false);
  });

  it("is refused if it begins anew and an agent has a disk, which is left running", async () => {
    await early(planWith());
    noteDisk("c-agent-1");
    await expect(early(planWith())).rejects.toMatchObject({
      message: expect.stringContaining('"c-agent-1" trusts the one before'),
      hint: "Begin it anew, too: ./k3os down --name c-agent-1 --purge",
    });
    noteDisk("c");
    await early(planWith(onDisk));
  });
});

describe("the processor of machines", () => {
  const alone = (name: string): Plan => ({
    server: { name, hardware: { memoryMiB: 1, cpus: 1, disk: true } },
    ...{ otherServers: [], agents: [] },
  });
  const withArch = (arch: "amd64" | "arm64", more: Partial<How> = {}) => ({ arch, timeout: 1, wait: true, ...more });

  it("is that of the disk that one of them keeps", async () => {
    expect(architectureOf(alone("new"), { arch: "arm64" })).toBe("arm64");
    noteMachine("kept", { architecture: "arm64" });
    noteDisk("kept");
    expect(architectureOf(alone("kept"), {})).toBe("arm64");
    await expect(refuseEarly(withArch("amd64"), alone("kept"))).rejects.toMatchObject({
      message: 'The machine "kept" is arm64, and cannot become amd64.',
      hint: "Begin it anew: ./k3os down --name kept --purge",
    });
  });

  it("decides whether there is a BIOS", async () => {
    await expect(refuseEarly(withArch("arm64", { firmware: "bios" }), alone("new"))).rejects.toThrow(
      "Machines that are arm64 have no BIOS.",
    );
  });
});
