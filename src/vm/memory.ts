import { K3osError } from "../errors.ts";

/** With less memory, the kernel kills Kubernetes before the node is Ready. */
const leastMemoryMiB = 768;

/**
 * Reads an amount of memory: `1G`, `1024M`, `1.5GiB`, or MiB as a bare number. Throws on less than Kubernetes needs.
 */
export function parseMemory(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?$/i.exec(text.trim());
  if (match === null) {
    throw new K3osError("usage", `"${text}" is no amount of memory.`, {
      hint: "Write it like 1G, 1536M or 2048 (MiB).",
    });
  }
  const factor = { K: 1 / 1024, M: 1, G: 1024, T: 1024 * 1024 }[(match[2] || "M").toUpperCase()] ?? 1;
  const mebibytes = Math.floor(Number(match[1]) * factor);
  if (mebibytes < leastMemoryMiB) {
    throw new K3osError(
      "usage",
      `${mebibytes} MiB of memory are too little for a Kubernetes node: ${leastMemoryMiB} MiB are the least.`,
      {
        hint: "Leave --memory away, or ask for 1G.",
      },
    );
  }
  return mebibytes;
}

/** Reads MemTotal and MemAvailable from the text of /proc/meminfo, in MiB. */
export function hostMemory(meminfo: string): { readonly totalMiB: number; readonly availableMiB: number } {
  const field = (name: string) =>
    Math.floor(Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(meminfo)?.[1] ?? 0) / 1024);
  return { totalMiB: field("MemTotal"), availableMiB: field("MemAvailable") };
}

/** Throws, before anything is started, if the host has too little memory for so many machines. */
export function checkHostMemory(eachMiB: number, meminfo: string, machines = 1): void {
  const wantedMiB = eachMiB * machines;
  const host = hostMemory(meminfo);
  if (wantedMiB <= host.availableMiB || host.totalMiB === 0) return;
  throw new K3osError(
    "host",
    `${machines === 1 ? "The machine is" : `The ${machines} machines are`} to have ${wantedMiB} MiB of memory, but this host has only ${host.availableMiB} MiB free (of ${host.totalMiB}).`,
    { hint: "Ask for less with --memory, or stop another machine: ./k3os list" },
  );
}
