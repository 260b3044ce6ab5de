import { K3osError } from "../errors.ts";
import { findMachine, type Machine, machineNames } from "../vm/machine.ts";

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

/** The kubeconfig of a machine that has been Ready. */
export function requireKubeconfig(machine: Machine): string {
  if (machine.kubeconfig() !== undefined) return machine.paths.kubeconfig;
  throw new K3osError("machine", `The machine "${machine.name}" has not been Ready yet.`, {
    hint: `See how far it is: ${command("logs", machine.name, "-f")}`,
  });
}

/** A command line of ours to show, with `--name` only where it is needed. */
export function command(verb: string, name: string, ...rest: readonly string[]): string {
  return ["./k3os", verb, ...(name === "k3os" ? [] : ["--name", name]), ...rest].join(" ");
}
