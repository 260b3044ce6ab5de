import { appendFileSync } from "node:fs";
import { K3osError } from "../errors.ts";
import type { Machine } from "./machine.ts";
import { commandFor } from "./name.ts";
import { cpuSeconds, isAlive } from "./process.ts";
import { lastLines } from "./serial.ts";
import { hasUserland, idleShare, stallOf } from "./stall.ts";
import { sleep } from "./wait.ts";

/** Watches a machine that may hang before it reaches its userland. */
export interface StallWatch {
  /** Restarts the machine if it hangs. The second time, throws. Call it about every second. */
  look(): Promise<void>;
  /** Whether the machine has reached its userland, so that it need not be watched any more. */
  hasUserland(): boolean;
}

export interface StallOptions {
  /** Called with the reason when the machine was restarted. */
  readonly onRestart?: ((reason: string) => void) | undefined;
  readonly now?: () => number;
}

/** The time over which QEMU's processor usage is measured. */
const sampleSeconds = 5;

/** Written to the console's log by `restart`. The text after the last mark is that of the present boot. */
const restartMark = "--- k3os starts this machine anew: ";

/** A `StallWatch` for a machine that was just powered on. All of its state is in the console's log. */
export function watchStalls(machine: Machine, options: StallOptions = {}): StallWatch {
  const now = options.now ?? (() => performance.now() / 1000);
  let seen = { length: -1, cpu: 0 };
  let sample = { at: 0, cpu: 0 };
  let idleSince = 0;
  const { kind } = machine.record.boot;
  return {
    hasUserland: () => hasUserland(kind, presentBoot(machine.serial.text())),
    async look() {
      const text = machine.serial.text();
      const cpu = cpuSeconds(machine.record.process);
      if (cpu === undefined) return; // it is gone, which is for others to notice
      const at = now();
      if (text.length !== seen.length) {
        seen = { length: text.length, cpu };
        sample = { at, cpu };
        idleSince = at;
      }
      if (at - sample.at >= sampleSeconds) {
        if (cpu - sample.cpu > (at - sample.at) * idleShare) idleSince = at;
        sample = { at, cpu };
      }
      const console = presentBoot(text);
      const look = { boot: kind, console, idleSeconds: at - idleSince, busySeconds: cpu - seen.cpu };
      const reason = stallOf(look);
      if (reason === undefined) return;
      if (text.includes(restartMark)) throw hungTwice(machine, reason, text);
      await restart(machine, reason);
      options.onRestart?.(reason);
    },
  };
}

/**
 * Watches a machine until its userland has printed something or the machine is gone, and restarts it if it hangs before
 * that, once: the second time, throws. A boot menu may wait for input for any time. Aborting the signal ends the watch.
 */
export async function guardBoot(
  machine: Machine,
  options: StallOptions & { readonly signal: AbortSignal },
): Promise<void> {
  const watch = watchStalls(machine, options);
  const { signal } = options;
  while (!signal.aborted && !watch.hasUserland() && isAlive(machine.record.process)) {
    await watch.look();
    await sleep(1000, signal).catch(() => {}); // it was aborted, which the loop looks at
  }
}

function presentBoot(console: string): string {
  const mark = console.lastIndexOf(restartMark);
  return mark === -1 ? console : console.slice(console.indexOf("\n", mark) + 1);
}

/** Presses the reset button. */
async function restart(machine: Machine, reason: string): Promise<void> {
  appendFileSync(machine.paths.serialLog, `\n${restartMark}${reason}\n`);
  const qmp = await machine.qmp();
  try {
    await qmp.execute("system_reset");
    await qmp.execute("cont"); // nothing happens unless it was paused
  } finally {
    qmp.close();
  }
  machine.update({ started: new Date().toISOString() });
}

function hungTwice(machine: Machine, reason: string, console: string): K3osError {
  return new K3osError("machine", `The machine "${machine.name}" hung twice before its userland: ${reason}.`, {
    hint: `The whole console: ${commandFor("logs", machine.name)}\nIts last lines:\n${lastLines(console, 12)}`,
  });
}
