import { describe, expect, it } from "vitest";
import { findMachine } from "../../vm/machine.ts";
import { beginsAnew } from "./boot.ts";
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
