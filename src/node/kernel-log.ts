import { type Host, HostError } from "../host/host.ts";

/**
 * Writes a line into the kernel's log (kmsg(4)); onto the console itself if that fails. `aloud`: the console shows it
 * even if the kernel is `quiet`, which hides warnings and everything below.
 */
export function logToKernel(host: Host, text: string, { aloud = false } = {}): void {
  try {
    host.poke("/dev/kmsg", `${aloud ? "<3>" : ""}k3os: ${text}\n`);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    host.warn(`k3os: ${text}\n`);
  }
}
