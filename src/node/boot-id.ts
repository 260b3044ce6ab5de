import type { Host } from "../host/host.ts";

/** The kernel's name of this boot: another one after each restart; see random(4). */
export const bootId = (host: Host): string => host.readText("/proc/sys/kernel/random/boot_id").trim();
