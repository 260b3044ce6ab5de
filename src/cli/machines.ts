import { K3osError } from "../errors.ts";
import { findMachine, type Machine, machineNames } from "../vm/machine.ts";
import { commandFor } from "../vm/name.ts";
import { fetchKubeconfig } from "../vm/ready.ts";
import type { Io } from "./io.ts";

/** The machine of that name, running or not. */
export function requireMachine(name: string): Machine {
  const machine = findMachine(name);
  if (machine !== undefined) return machine;
  const others = machineNames();
  throw new K3osError("machine", `There is no machine named "${name}".`, {
    hint: others.length === 0 ? `Start it: ${commandFor("up", name)}` : `There is: ${others.join(", ")}.`,
  });
}

/** The machine of that name, which must be running. */
export function requireRunning(name: string): Machine {
  const machine = requireMachine(name);
  if (machine.state === "running") return machine;
  throw new K3osError("machine", `The machine "${name}" is not running (${machine.state}).`, {
    hint: `Start it: ${commandFor("up", name)}`,
  });
}

/** The path of a running machine's kubeconfig, which is fetched if `up` did not wait for it. */
export async function requireKubeconfig(machine: Machine, io: Io): Promise<string> {
  if ((await fetchKubeconfig(machine, io.signal)) !== undefined) return machine.paths.kubeconfig;
  throw new K3osError("machine", `Kubernetes on the machine "${machine.name}" does not run yet.`, {
    hint: `See how far it is: ${commandFor("logs", machine.name, "-f")}`,
  });
}
