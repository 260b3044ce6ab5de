/** Whether k3s ended on machines. */
import type { Machine } from "../../src/vm/machine.ts";
import { K3S_PROCESSES } from "../../test/vm/support/processes.ts";
import { succeed } from "../on-machine.ts";

/** A line for each process of k3s, see `K3S_PROCESSES`. */
export type Processes = readonly string[];

export const processesOf = async (machine: Machine): Promise<Processes> =>
  (await succeed(machine, K3S_PROCESSES)).trim().split("\n");

/** How many processes of before are not there any more, on the same machines in the same order. */
export function gone(before: readonly Processes[], now: readonly Processes[]): number {
  return before.flatMap((lines, at) => lines.filter((line) => !now[at]?.includes(line))).length;
}

/** How often k3s was restarted since the machine was switched on. */
export const restartsOf = async (machine: Machine): Promise<number> =>
  Number(await succeed(machine, "cat /run/openrc/options/k3s/start_count 2>/dev/null || echo 0"));
