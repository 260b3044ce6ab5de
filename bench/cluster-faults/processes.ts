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

/**
 * What a machine says of restarts of k3s: when its supervisor saw it end, and the last lines of its log that are no
 * news of daily work.
 */
export async function endsOf(machine: Machine): Promise<string> {
  const ends = "grep run-k3s /var/log/messages | tail -n 5";
  const said = "grep -v ' k3s: [IW][0-9]' /var/log/k3s-service.log | tail -n 30";
  return `${machine.name}:\n${await succeed(machine, `sudo sh -c "${ends}; ${said}"`)}`;
}
