import type { Boot } from "./qemu.ts";

/** What can be observed of a machine that has not reached its userland. */
export interface Look {
  readonly boot: Boot["kind"];
  /** Its console since it was powered on or restarted. */
  readonly console: string;
  /** Seconds for which the console has been silent and QEMU idle. */
  readonly idleSeconds: number;
  /** Seconds of processor time that QEMU used since the console last changed. */
  readonly busySeconds: number;
}

/** A kernel that loses its timers reports it, if another of its processors still runs. */
const lostTimers = /rcu: INFO: \w+ (?:self-)?detected (?:expedited )?stalls?|kthread timer wakeup didn't happen/;

/** A kernel without timers waits forever. */
const longestIdleSeconds = 30;

/**
 * The maximum share of a processor that an idle QEMU uses. A waiting Linux uses 1 to 4 %. A boot keeps one or two
 * processors busy, and gets a quarter of one even on a host with eight times as much work as processors.
 */
export const idleShare = 0.05;

/**
 * A kernel may also hang in a loop. From power-on to the first line of the userland, QEMU uses about 23 s of processor
 * time on a common server, however busy the host is. Three times that is a slow host; five times that is a hang.
 */
const endlessSeconds = 120;

/**
 * Why this machine is considered hung; `undefined` while it may make progress, and once it has reached its userland.
 * Firmware, boot menus and downloads may be silent for any time, so silence counts from the kernel's start.
 */
export function stallOf({ boot, console, idleSeconds, busySeconds }: Look): string | undefined {
  if (hasUserland(boot, console)) return undefined;
  if (lostTimers.test(console)) return "its kernel has lost its timers";
  if (kernelConsole[boot](console) === undefined) return undefined;
  if (busySeconds >= endlessSeconds) return `it printed nothing during ${Math.round(busySeconds)} s of processor time`;
  if (idleSeconds >= longestIdleSeconds) return `it printed nothing and did nothing for ${Math.round(idleSeconds)} s`;
  return undefined;
}

/** Whether a program of the userland has printed a line. */
export function hasUserland(boot: Boot["kind"], console: string): boolean {
  // A network boot prints much before its kernel starts, and nothing marks where the kernel begins.
  if (boot === "network") return /^(?:OpenRC |k3os: |k3OS )/m.test(console);
  return (kernelConsole[boot](console) ?? "").split("\n").some((line) => line.trim() !== "" && !isKernels(line));
}

/** `[    1.234567] …`, or a line of the kernel's EFI stub before it. */
function isKernels(line: string): boolean {
  return /^\[ *\d+\.\d+\]|^EFI stub:/.test(line);
}

/** The output since the kernel was started; `undefined` if the kernel has not started yet, or that is unknown. */
const kernelConsole: { readonly [K in Boot["kind"]]: (console: string) => string | undefined } = {
  image: afterFirmware,
  iso: afterMenu,
  disk: afterMenu,
  network: () => undefined,
};

/** BIOS that is handed a kernel prints nothing. UEFI tells its version, clears the screen, and starts it. */
function afterFirmware(console: string): string {
  return console.replace(/^UEFI firmware \(version .*$/gm, "");
}

/** GRUB prints the entry that it boots, and another one if that failed. */
function afterMenu(console: string): string | undefined {
  const start = console.lastIndexOf("Booting `");
  const end = start === -1 ? -1 : console.indexOf("\n", start);
  return end === -1 ? undefined : console.slice(end);
}
