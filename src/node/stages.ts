import type { Host } from "../host/host.ts";

/**
 * Where a boot's stages end up as they are reached: a JSON object a line, as k3s has them in `/run/k3s/stages.json`. The last one,
 * `services`, is added by a service (os/rootfs/etc/init.d/booted).
 */
const BOOT_JSON = "/run/k3os/boot.json";

export interface Stage {
  readonly stage: string;
  /** Seconds since the kernel started. */
  readonly uptime_s: number;
}

/** Seconds since the kernel started (proc_uptime(5)), to 10 ms. */
export function uptime(host: Host): number {
  return Number(host.readText("/proc/uptime").split(" ")[0]);
}

/**
 * Notes that a stage of this boot is complete now. The notes outlive the change of root, because `/run` moves along. With `debug` each is
 * printed, too.
 */
export function reached(host: Host, stage: string, debug: boolean): void {
  const note: Stage = { stage, uptime_s: uptime(host) };
  host.mkdir("/run/k3os");
  host.append(BOOT_JSON, `${JSON.stringify(note)}\n`);
  if (debug) host.poke("/dev/kmsg", `k3os: ${stage} at ${note.uptime_s} s\n`);
}

/** The stages of this boot so far. */
export function savedStages(host: Host): readonly Stage[] {
  if (host.stat(BOOT_JSON) === undefined) return [];
  const lines = host.readText(BOOT_JSON).trim().split("\n");
  return lines.map((line) => JSON.parse(line) as Stage);
}
