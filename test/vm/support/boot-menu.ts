import { expect } from "vitest";
import type { Machine } from "../../../src/vm/machine.ts";
import type { Serial } from "../../../src/vm/serial.ts";
import { poll } from "../../../src/vm/wait.ts";

/**
 * Presses a key while the menu waits for one, and returns what it offers. Where this host was too slow for that, the machine starts
 * anew. `since` is how much of the console is older than this boot.
 */
export async function openMenu(machine: Machine, since = 0): Promise<string[]> {
  const { serial } = machine;
  for (let attempt = 1, before = since; ; attempt++) {
    const drawn = () => serial.text().includes("Factory reset", before) || undefined;
    expect(await poll(drawn, { timeoutMs: 120_000, everyMs: 50 })).toBe(true);
    await serial.send("\x10"); // "up" on the first line: stops the clock and changes nothing
    await stillness(serial);
    const shown = serial.text().slice(before);
    if (shown.lastIndexOf("Booting") < shown.lastIndexOf("Factory reset")) return entriesOf(shown);
    expect(attempt).toBeLessThan(5);
    before += shown.length;
    const qmp = await machine.qmp();
    await qmp.execute("system_reset");
    qmp.close();
  }
}

/** Goes down to the entry below the first by that many lines, and chooses it. */
export async function choose({ serial }: Machine, lines: number): Promise<void> {
  // GRUB reads a key after it has drawn what the one before did; what is sent meanwhile is lost.
  for (const key of [..."\x0e".repeat(lines), "\r"]) {
    await stillness(serial);
    await serial.send(key);
  }
}

/** Titles, each once, in their order: a line is drawn anew when it is left or reached. */
function entriesOf(shown: string): string[] {
  const menu = shown.slice(shown.lastIndexOf("GNU GRUB"));
  const titles = menu.matchAll(/^ ?\*?(k3OS.*?|Rescue shell|Factory reset.*?) *$/gm);
  return [...new Set([...titles].map(([, title = ""]) => title))];
}

/** Waits until nothing more is printed. */
async function stillness(serial: Serial): Promise<void> {
  let before: string | undefined;
  const same = () => {
    const [last, now] = [before, serial.text()];
    before = now;
    return last === now || undefined;
  };
  await poll(same, { timeoutMs: 30_000, everyMs: 1000 });
}
