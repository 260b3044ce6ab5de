import { K3osError } from "../errors.ts";

/** Reads MemTotal and MemAvailable from the text of /proc/meminfo, in MiB. */
export function hostMemory(meminfo: string): { readonly totalMiB: number; readonly availableMiB: number } {
  const field = (name: string) =>
    Math.floor(Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(meminfo)?.[1] ?? 0) / 1024);
  return { totalMiB: field("MemTotal"), availableMiB: field("MemAvailable") };
}

/**
 * Throws, before anything is started, if the host has too little memory for these machines. `less` is how to ask for
 * less.
 */
export function checkHostMemory(eachMiB: readonly number[], meminfo: string, less = "--memory"): void {
  const wantedMiB = eachMiB.reduce((sum, one) => sum + one, 0);
  const machines = eachMiB.length;
  const host = hostMemory(meminfo);
  if (wantedMiB <= host.availableMiB || host.totalMiB === 0) return;
  throw new K3osError(
    "host",
    `${machines === 1 ? "The machine is" : `The ${machines} machines are`} to have ${wantedMiB} MiB of memory, but this host has only ${host.availableMiB} MiB free (of ${host.totalMiB}).`,
    { hint: `Ask for less with ${less}, or stop another machine: ./k3os list` },
  );
}
