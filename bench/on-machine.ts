/** What measurements do on a machine, and must succeed. */
import { K3osError } from "../src/errors.ts";
import type { Machine } from "../src/vm/machine.ts";

export interface CommandOptions {
  readonly input?: string | Uint8Array;
  /** Whether the connection may end before the command does, because the machine restarts. */
  readonly mayEnd?: boolean;
}

/** Runs a line of shell on the machine, and returns what it printed. */
export async function succeed(machine: Machine, command: string, options: CommandOptions = {}): Promise<string> {
  const { input = "", mayEnd = false } = options;
  const { status, stdout, stderr } = await machine.ssh(command, { input });
  if (status === 0 || (mayEnd && status === CONNECTION_ENDED)) return stdout;
  throw new K3osError("machine", `${machine.name}: ${command}: ${stderr.trim()}`);
}

/** What ssh(1) ends with when it fails itself. */
const CONNECTION_ENDED = 255;

/** Runs kubectl against the machine, and returns what it printed. */
export async function kubectl(machine: Machine, args: readonly string[], input = ""): Promise<string> {
  const { status, stdout, stderr } = await machine.kubectl(args, { input });
  if (status !== 0) throw new K3osError("machine", `kubectl ${args.join(" ")}: ${stderr.trim()}`);
  return stdout;
}

/** Creates objects without validation, which would ask for the whole OpenAPI document. */
export async function apply(machine: Machine, items: readonly object[]): Promise<void> {
  const list = JSON.stringify({ apiVersion: "v1", kind: "List", items });
  await kubectl(machine, ["apply", "--validate=false", "-f", "-"], list);
}
