/** Sizes of machines, as people write them. Pure. */
import { K3osError } from "../errors.ts";
import { SMALLEST_DISK_MIB } from "../image/disk.ts";

/** The least that a server was seen to run in, from a disk (docs/hardware.md). */
const leastMemoryMiB = 512;

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

/** Reads the size of a disk: `8G`, `20480M`, or GiB as a bare number. */
export function parseDiskSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([MGT]?)(?:i?B)?$/i.exec(text.trim());
  const factor = { M: 1, G: 1024, T: 1024 * 1024 }[(match?.[2] || "G").toUpperCase()] ?? 0;
  const mebibytes = Math.floor(Number(match?.[1] ?? Number.NaN) * factor);
  if (Number.isNaN(mebibytes)) {
    throw new K3osError("usage", `"${text}" is no size of a disk.`, { hint: "Write it like 8G or 20480M." });
  }
  if (mebibytes < SMALLEST_DISK_MIB) {
    throw new K3osError(
      "usage",
      `A disk of ${mebibytes} MiB is too small for a node: ${SMALLEST_DISK_MIB} MiB are the least.`,
    );
  }
  return mebibytes;
}
