import type { Host } from "../host/host.ts";

/** Where a boot's stages end up: `{ "stages": [{ "name", "uptime_s" }] }`, seconds since the kernel started. */
export const BOOT_JSON = "/run/k3os/boot.json";

export interface Stage {
  readonly name: string;
  readonly uptime_s: number;
}

/** Seconds since the kernel started (proc_uptime(5)), to 10 ms. */
export function uptime(host: Host): number {
  return Number(host.readText("/proc/uptime").split(" ")[0]);
}

/**
 * The stages of this boot so far. They outlive the change of root, because `/run` moves along.
 * With `k3os.debug` on the kernel's command line each is also printed as it is reached.
 */
export class Stages {
  readonly #host: Host;
  readonly #debug: boolean;
  readonly #stages: Stage[];

  constructor(host: Host, debug: boolean, earlier: readonly Stage[] = []) {
    this.#host = host;
    this.#debug = debug;
    this.#stages = [...earlier];
  }

  /** Notes that `name` is complete now. */
  reached(name: string): void {
    const stage = { name, uptime_s: uptime(this.#host) };
    this.#stages.push(stage);
    if (this.#debug) this.#host.poke("/dev/kmsg", `k3os: ${name} at ${stage.uptime_s} s\n`);
  }

  save(): void {
    this.#host.mkdir("/run/k3os");
    this.#host.write(BOOT_JSON, `${JSON.stringify({ stages: this.#stages })}\n`);
  }
}

/** The stages that an earlier part of this boot saved; none if it saved none. */
export function savedStages(host: Host): readonly Stage[] {
  if (host.stat(BOOT_JSON) === undefined) return [];
  return (JSON.parse(host.readText(BOOT_JSON)) as { stages: Stage[] }).stages;
}
