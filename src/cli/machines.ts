import { K3osError } from "../errors.ts";
import { findMachine, type Machine, machineNames } from "../vm/machine.ts";
import { fetchKubeconfig } from "../vm/ready.ts";
import type { Io } from "./io.ts";

/** The machine of that name, running or not. */
export function requireMachine(name: string): Machine {
  const machine = findMachine(name);
  if (machine !== undefined) return machine;
  const others = machineNames();
  throw new K3osError("machine", `There is no machine named "${name}".`, {
    hint: others.length === 0 ? `Start it: ${command("up", name)}` : `There is: ${others.join(", ")}.`,
  });
}

/** The machine of that name, which must be running. */
export function requireRunning(name: string): Machine {
  const machine = requireMachine(name);
  if (machine.state === "running") return machine;
  throw new K3osError("machine", `The machine "${name}" is not running (${machine.state}).`, {
    hint: `Start it: ${command("up", name)}`,
  });
}

/** The path of a running machine's kubeconfig, which is fetched if `up` did not wait for it. */
export async function requireKubeconfig(machine: Machine, io: Io): Promise<string> {
  if ((await fetchKubeconfig(machine, io.signal)) !== undefined) return machine.paths.kubeconfig;
  throw new K3osError("machine", `Kubernetes on the machine "${machine.name}" does not run yet.`, {
    hint: `See how far it is: ${command("logs", machine.name, "-f")}`,
  });
}

/** A command line of ours to show, with `--name` only where it is needed. */
export function command(verb: string, name: string, ...rest: readonly string[]): string {
  return ["./k3os", verb, ...(name === "k3os" ? [] : ["--name", name]), ...rest].join(" ");
}
