import type { Boot } from "./qemu.ts";

/** What can be seen from outside of a machine that has not reached its userland. */
export interface Look {
  readonly boot: Boot["kind"];
  /** Its console since it was powered on or started anew. */
  readonly console: string;
  /** Seconds for which the console has been silent and QEMU idle. */
  readonly idleSeconds: number;
  /** Seconds of processor time that QEMU used since the console last changed. */
  readonly busySeconds: number;
}

/** A kernel whose timers are lost says so, if one of its other processors still runs. */
const lostTimers = /rcu: INFO: \w+ (?:self-)?detected (?:expedited )?stalls?|kthread timer wakeup didn't happen/;

/** Without its timers, a kernel waits forever. */
const longestIdleSeconds = 30;

/**
 * Which part of a processor an idle QEMU uses at most. A waiting Linux costs it 1 to 4 %, while a boot keeps one or two
 * processors busy, and gets a quarter of one even on a host with eight times as much work as processors.
 */
export const idleShare = 0.05;

/**
 * A kernel may also wait in a loop. From power-on to the first line of the userland, QEMU uses about 23 s of processor
 * time on a common server, however crowded that is. Three times that is a slow host, five times that is no boot.
 */
const endlessSeconds = 120;

/**
 * Why this machine has to be taken for standing still; `undefined` as long as it may be on its way, and when it has
 * reached its userland. Firmware, boot menus and downloads are silent for as long as they like: silence counts from the
 * kernel's start.
 */
export function stallOf({ boot, console, idleSeconds, busySeconds }: Look): string | undefined {
  if (hasUserland(boot, console)) return undefined;
  if (lostTimers.test(console)) return "its kernel has lost its timers";
  if (kernelConsole[boot](console) === undefined) return undefined;
  if (busySeconds >= endlessSeconds) return `it printed nothing during ${Math.round(busySeconds)} s of processor time`;
  if (idleSeconds >= longestIdleSeconds) return `it printed nothing and did nothing for ${Math.round(idleSeconds)} s`;
  return undefined;
}

/** Whether something of the userland has printed a line. */
export function hasUserland(boot: Boot["kind"], console: string): boolean {
  // A network boot prints much before its kernel starts, and there is no mark between the two.
  if (boot === "network") return /^(?:OpenRC |k3os: |k3OS )/m.test(console);
  return (kernelConsole[boot](console) ?? "").split("\n").some((line) => line.trim() !== "" && !isKernels(line));
}

/** `[    1.234567] …`, or what the kernel's EFI stub prints before. */
function isKernels(line: string): boolean {
  return /^\[ *\d+\.\d+\]|^EFI stub:/.test(line);
}

/** What was printed since the kernel was started; `undefined` if that cannot be told, or has not come yet. */
const kernelConsole: { readonly [K in Boot["kind"]]: (console: string) => string | undefined } = {
  image: (console) => console,
  iso: afterMenu,
  disk: afterMenu,
  network: () => undefined,
};

/** GRUB names the entry that it boots; another one if that failed. */
function afterMenu(console: string): string | undefined {
  const start = console.lastIndexOf("Booting `");
  const end = start === -1 ? -1 : console.indexOf("\n", start);
  return end === -1 ? undefined : console.slice(end);
}
