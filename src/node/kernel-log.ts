import { type Host, HostError } from "../host/host.ts";

/** Writes a line into the kernel's log, which the console shows (kmsg(4)); onto the console itself if that fails. */
export function logToKernel(host: Host, text: string): void {
  try {
    host.poke("/dev/kmsg", `k3os: ${text}\n`);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    host.warn(`k3os: ${text}\n`);
  }
}
