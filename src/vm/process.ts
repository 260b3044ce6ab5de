import { readFileSync } from "node:fs";

/** Identifies a process by its number, its start time and the host's boot, because numbers are reused. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks between the host's boot and the start of the process. */
  readonly start: number;
  readonly boot: string;
}

/** The identity of a living process; `undefined` when there is none. A zombie counts as gone. */
export function identify(pid: number, proc = "/proc"): ProcessId | undefined {
  try {
    const fields = fieldsOf(pid, proc);
    const [state, start] = [fields[0], fields[19]];
    if (state === undefined || start === undefined || state === "Z" || state === "X") return undefined;
    return { pid, start: Number(start), boot: bootId(proc) };
  } catch {
    return undefined;
  }
}

/** The fields of proc_pid_stat(5) from the third one on. */
function fieldsOf(pid: number, proc: string): string[] {
  const stat = readFileSync(`${proc}/${pid}/stat`, "utf8");
  // The second field is the program's name in brackets and may itself hold spaces and brackets.
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** Clock ticks a second in /proc (USER_HZ), on every processor that Linux runs on except Alpha and IA-64. */
const ticksPerSecond = 100;

/** Processor time that the process has used so far, in seconds; `undefined` if it is gone. */
export function cpuSeconds(id: ProcessId, proc = "/proc"): number | undefined {
  if (!isAlive(id, proc)) return undefined;
  try {
    const fields = fieldsOf(id.pid, proc);
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  } catch {
    return undefined; // it ended between the two looks
  }
}

/** Whether that very process still runs. A recycled number, or a number from before a reboot, does not count. */
export function isAlive(id: ProcessId, proc = "/proc"): boolean {
  const now = identify(id.pid, proc);
  return now !== undefined && now.start === id.start && now.boot === id.boot;
}

/** Changes with every boot of the host. */
export function bootId(proc = "/proc"): string {
  return readFileSync(`${proc}/sys/kernel/random/boot_id`, "utf8").trim();
}

/** Sends a signal to that very process; nothing happens if it is gone. */
export function signalProcess(id: ProcessId, signal: NodeJS.Signals): void {
  if (!isAlive(id)) return;
  try {
    process.kill(id.pid, signal);
  } catch {
    // The process ended between the check and the signal.
  }
}
