import { expect } from "vitest";
import type { Serial } from "../../../src/vm/serial.ts";
import { poll } from "../../../src/vm/wait.ts";
import type { TestMachine } from "./machine.ts";

/** GRUB's keys on a serial line. */
const [UP, DOWN, ENTER] = ["\x10", "\x0e", "\r"];

/** A menu of GRUB that waits for a key. */
export interface BootMenu {
  /** The titles of its entries, in their order. */
  readonly entries: readonly string[];
  /** Starts the entry. */
  choose(title: string): Promise<void>;
  /** Opens the entry, which is a menu itself. */
  open(title: string): Promise<BootMenu>;
}

/**
 * Stops the clock of the boot menu by a key. Where this host was too slow for that, the machine starts anew. `since` is
 * the length of the console's text at which this boot began.
 */
export async function openMenu(machine: TestMachine, since = 0): Promise<BootMenu> {
  const { serial } = machine.machine;
  for (let attempt = 1, before = since; attempt < 5; attempt++) {
    const menu = await drawnMenu(serial, before, 120_000);
    const drawn = serial.text().length;
    await serial.send(UP); // on the first line: it is drawn anew, and nothing else changes
    const booting = () => serial.text().includes("Booting", before);
    const held = await poll(() => (booting() ? "too late" : selectedIn(serial, drawn)), {
      timeoutMs: 60_000,
      everyMs: 50,
    });
    if (held !== undefined && held !== "too late") return menu;
    before = serial.text().length;
    await machine.reset();
  }
  throw new Error("this host is too slow to press a key before the boot menu's time is over");
}

/** Waits for a menu to be drawn behind `since`. */
async function drawnMenu(serial: Serial, since: number, timeoutMs: number): Promise<BootMenu> {
  // A menu draws its empty lines, too, from the top to the bottom.
  const shown = await poll(
    () => /command-line\.[\s\S]*\n\*\S[\s\S]*\n\s*\n\s*\n/.exec(serial.text().slice(since))?.[0],
    {
      timeoutMs,
      everyMs: 50,
    },
  );
  expect(shown, "the boot menu").toBeDefined();
  const entries = linesOf(shown ?? "").map((line) => line.replace(/^\*/, ""));

  const choose = async (title: string) => {
    const target = entries.indexOf(title);
    expect(entries).toContain(title);
    let selected = entries[0] ?? "";
    for (let presses = 0; selected !== title; presses++) {
      expect(presses, `keys to ${title}`).toBeLessThan(20);
      const before = serial.text().length;
      await serial.send(entries.indexOf(selected) < target ? DOWN : UP);
      // GRUB loses a key that comes while it draws.
      selected = (await poll(() => selectedIn(serial, before), { timeoutMs: 10_000, everyMs: 50 })) ?? selected;
    }
    const before = serial.text().length;
    await serial.send(ENTER);
    const moved = await poll(() => serial.text().length > before || undefined, { timeoutMs: 10_000, everyMs: 50 });
    if (moved === undefined) await serial.send(ENTER);
  };
  return {
    entries,
    choose,
    async open(title) {
      const before = serial.text().length;
      await choose(title);
      return drawnMenu(serial, before, 60_000);
    },
  };
}

/** The line that was last drawn as selected behind `since`. */
function selectedIn(serial: Serial, since: number): string | undefined {
  return [
    ...serial
      .text()
      .slice(since)
      .matchAll(/^\*(\S.*?) *$/gm),
  ].at(-1)?.[1];
}

/** Lines of the menu itself, each once: one is drawn anew when it is left or reached. */
function linesOf(shown: string): string[] {
  const titles = shown.slice(shown.indexOf("\n")).matchAll(/^\*?(\S.*?) *$/gm);
  return [...new Set([...titles].map(([, title = ""]) => title))].filter(
    (title) => !title.startsWith("The highlighted"),
  );
}
