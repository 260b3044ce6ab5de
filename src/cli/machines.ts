import { existsSync, realpathSync } from "node:fs";
import { relative, resolve } from "node:path";
import { K3osError } from "../errors.ts";
import { optionFor } from "../vm/cluster.ts";
import { apiMachine, findMachine, type Machine, machineNames } from "../vm/machine.ts";
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
  throw notRunning(machine);
}

function notRunning(machine: Machine): K3osError {
  return new K3osError("machine", `The machine "${machine.name}" is not running (${machine.state}).`, {
    hint: `Start it: ${startCommand(machine)}`,
  });
}

/** The command that starts a machine again. */
export function startCommand({ name, record: { server, from } }: Pick<Machine, "name" | "record">): string {
  if (from !== undefined) return fileCommand("up", from.path);
  return server === undefined ? commandFor("up", name) : commandFor("up", server, optionFor(name));
}

/** Refuses machines that another cluster file, which is still there, has started under the same name. */
export function refuseOtherFile(path: string, cluster: string, machines: readonly Machine[]): void {
  const own = existsSync(path) ? realpathSync(path) : resolve(path);
  const others = machines.flatMap(({ record: { from } }) => from?.path ?? []);
  const other = others.find((one) => existsSync(one) && realpathSync(one) !== own);
  if (other === undefined) return;
  const message = `The machines of "${cluster}" were started by ${other}, and ${path} has the same \`name\`.`;
  throw new K3osError("usage", message, {
    hint: `Rename one of the two clusters. To remove those machines: ${fileCommand("down", other)} --purge`,
  });
}

/** A command line about all machines of a cluster file. */
export function fileCommand(verb: string, path: string): string {
  const shown = relative(process.cwd(), path);
  const short = shown.startsWith("..") ? path : shown;
  return `./k3os ${verb} --file ${/^[\w./-]+$/.test(short) ? short : `'${short}'`}`;
}

/** The path of the kubeconfig for a running machine's cluster, which is fetched if `up` did not wait for it. */
export async function requireKubeconfig(machine: Machine, io: Io): Promise<string> {
  const api = apiMachine(machine);
  if (api.state !== "running") throw notRunning(api);
  if ((await fetchKubeconfig(api, io.signal)) !== undefined) return api.paths.kubeconfig;
  throw new K3osError("machine", `Kubernetes on the machine "${api.name}" does not run yet.`, {
    hint: `See how far it is: ${commandFor("logs", api.name, "-f")}`,
  });
}
