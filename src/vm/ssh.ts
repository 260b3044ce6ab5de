import { existsSync, readFileSync } from "node:fs";
import type { Tools } from "../build/tools.ts";
import { K3osError } from "../errors.ts";
import { type Output, type OutputOptions, outputOf, runForeground } from "../process/run.ts";
import type { MachinePaths } from "./paths.ts";

const user = "rancher";

/** How to reach a machine by ssh. */
export interface SshTarget {
  readonly tools: Tools;
  readonly paths: MachinePaths;
  readonly port: number;
  /**
   * Path of a socket, by which commands share one connection (ssh_config(5), ControlPath). It is made by the first one,
   * and is of no use after a restart of the machine.
   */
  readonly control?: string;
}

/** Makes the machine's key pair unless it has one, and returns the public key. */
export async function ensureSshKey(tools: Tools, paths: MachinePaths, name: string): Promise<string> {
  if (!existsSync(paths.sshKey)) {
    const made = await outputOf(
      tools.command(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", `k3os-${name}`, "-f", paths.sshKey]),
    );
    if (made.status !== 0) throw new K3osError("host", `The ssh key could not be made: ${made.stderr.trim()}`);
  }
  return readFileSync(`${paths.sshKey}.pub`, "utf8").trim();
}

/** A connection that others share ends soon after the last of them, and soon when the machine is gone. */
const SHARED = ["ControlMaster=auto", "ControlPersist=30", "ServerAliveInterval=5", "ServerAliveCountMax=6"];

/** The ssh command line for a machine. A node in live mode has new host keys after every boot, see `startMachine`. */
function sshArguments(
  target: Omit<SshTarget, "tools">,
  options: readonly string[],
  command: readonly string[],
): string[] {
  const set = (option: string) => ["-o", option];
  return [
    ...["ssh", "-F", "none", "-p", String(target.port), "-i", target.paths.sshKey],
    ...(target.control === undefined ? [] : [`ControlPath="${target.control}"`, ...SHARED].flatMap(set)),
    ...set("IdentitiesOnly=yes"),
    ...set(`UserKnownHostsFile="${target.paths.knownHosts}"`),
    ...set("GlobalKnownHostsFile=none"),
    ...set("StrictHostKeyChecking=accept-new"),
    ...set("BatchMode=yes"),
    ...set("ConnectTimeout=10"),
    ...set("ServerAliveInterval=15"),
    ...set("LogLevel=ERROR"),
    ...options,
    `${user}@127.0.0.1`,
    ...command,
  ];
}

/**
 * Runs a command on the machine and collects what it prints. `command` is one line for the remote shell. The status is
 * the command's own, or 255 when there was no connection.
 */
export async function sshRun(target: SshTarget, command: string, options: OutputOptions = {}): Promise<Output> {
  return outputOf(target.tools.command(sshArguments(target, ["-T"], ["--", command])), options);
}

/** Connects the terminal (or the pipes) of this process to the machine. Returns the exit status. */
export async function sshInteractive(
  target: SshTarget,
  command: readonly string[],
  terminal: boolean,
): Promise<number> {
  const options = command.length === 0 || terminal ? ["-t"] : ["-T"];
  return runForeground(
    target.tools.command(sshArguments(target, options, command.length === 0 ? [] : ["--", ...command])),
  );
}
