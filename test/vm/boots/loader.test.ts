import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { buildDisk } from "../../../src/build/index.ts";
import {
  type BootEnv,
  ENV,
  formatBootEnv,
  parseBootEnv,
  SLOTS,
  type SlotName,
  slotToBoot,
} from "../../../src/image/boot-env.ts";
import { ESP } from "../../../src/image/disk.ts";
import {
  BOOT,
  BOOT_MENU,
  diskMenu,
  ENV_DAMAGED,
  formatSlotRecord,
  SLOT_FILE,
  SLOT_INITRD,
  SLOT_KERNEL,
} from "../../../src/image/grub.ts";
import { runCommand } from "../../../src/process/run.ts";
import type { Disk, Firmware } from "../../../src/vm/qemu.ts";
import { fromDisk } from "../support/disks.ts";
import { tool } from "../support/image.ts";
import { useMachine } from "../support/machine.ts";

/** The files of a slot; a slot that lacks one is not whole. */
const PARTS = [SLOT_FILE, SLOT_KERNEL, SLOT_INITRD] as const;

/** What lies in the directory of the boot menu. */
interface Case {
  readonly title: string;
  /** The environment block; `undefined` if there is none. */
  readonly env: Uint8Array | undefined;
  /** The part that a slot lacks. */
  readonly lacks: Readonly<Partial<Record<SlotName, (typeof PARTS)[number]>>>;
  /** On a disk that cannot be written to. */
  readonly readOnly?: true;
}

/** What GRUB did. */
interface Told {
  /** Entries of the menu, by their ids. */
  readonly entries: readonly string[];
  readonly fallback: string;
  readonly boots: { readonly slot: string; readonly trial: boolean; readonly damaged: boolean };
  /** What the block says after that. */
  readonly env: string;
}

const settled: readonly BootEnv[] = [{ good: "a" }, { good: "b" }];
const armed = (left: number | undefined): readonly BootEnv[] => [
  { good: "a", trial: "b", left, stage: "k3s" },
  { good: "b", trial: "a", left, stage: "k3s" },
  { good: "a", trial: "a", left },
];
const ENVIRONMENTS = [...settled, ...[undefined, 0, 1, 2, 3].flatMap(armed)];

/** At least one slot is whole. */
const LACKING: readonly Case["lacks"][] = [{}, ...SLOTS.flatMap((slot) => PARTS.map((part) => ({ [slot]: part })))];

const bytes = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const armedBlock = formatBootEnv({ good: "b", trial: "a", left: 2 });
const DAMAGED: Readonly<Record<string, Uint8Array | undefined>> = {
  "no block": undefined,
  "an empty block": new Uint8Array(),
  "a block of zeros": new Uint8Array(1024),
  "a block of garbage": Uint8Array.from({ length: 1024 }, (_, index) => (index * 167 + 13) % 256),
  "a block of # only": bytes("#".repeat(1024)),
  "a block without variables": bytes("# GRUB Environment Block\n".padEnd(1024, "#")),
  "half a block": armedBlock.slice(0, 512),
  "a block of twice the size": Uint8Array.from([...armedBlock, ...bytes("#".repeat(1024))]),
  "a block of which the first sector is gone": Uint8Array.from([...new Uint8Array(512), ...armedBlock.slice(512)]),
  "a block that ends in the middle of a variable": bytes("# GRUB Environment Block\nk3good=b\nk3try"),
  "a block with other variables": bytes("# GRUB Environment Block\nsaved_entry=0\nk3good=c\n".padEnd(1024, "#")),
};

const lackingRecord: readonly Case["lacks"][] = [{}, { a: SLOT_FILE }, { b: SLOT_FILE }];

const CASES: readonly Case[] = [
  ...ENVIRONMENTS.flatMap((env) =>
    LACKING.map((lacks) => ({ title: `${words(env)}, ${words(lacks)}`, env: formatBootEnv(env), lacks })),
  ),
  ...Object.entries(DAMAGED).flatMap(([title, env]) =>
    lackingRecord.map((lacks) => ({ title: `${title}, ${words(lacks)}`, env, lacks })),
  ),
  { title: "a disk that cannot be written to", env: armedBlock, lacks: {}, readOnly: true },
];

/** Under UEFI it is another build of GRUB, and slower: what its environment blocks say is enough. */
const RUNS: readonly { readonly firmware: Firmware; readonly cases: readonly Case[] }[] = [
  { firmware: "bios", cases: CASES },
  { firmware: "uefi", cases: CASES.filter(({ lacks }) => Object.keys(lacks).length === 0) },
];

describe.each(RUNS)("the boot menu of a disk under $firmware", ({ firmware, cases }) => {
  const machine = useMachine(`test-loader-${firmware}`);

  it("starts what slotToBoot says, and writes down that it did", { timeout: 300_000 }, async () => {
    const disk = await diskOfCases(machine.directory, cases);
    const copy = join(machine.directory, "read-only.raw");
    await copySparse(disk.file, copy);
    const readOnly: Disk = { file: copy, format: "raw", readOnly: true, bootIndex: 2 };
    const { serial } = await machine.start({ boot: fromDisk(firmware), disks: [disk, readOnly] });
    await serial.expect(/^no more cases/m, { timeoutMs: 240_000 });
    const told = read(serial.text());
    expect(told.map((answer, index) => ({ case: cases[index]?.title, ...answer }))).toEqual(
      cases.map((one) => ({ case: one.title, ...expected(one) })),
    );
  });
});

/** What `slotToBoot` says of a case, and what a menu made of that has. */
function expected({ env, lacks, readOnly }: Case): Told {
  const block = env && parseBootEnv(env);
  const isWhole = (slot: SlotName) => lacks[slot] === undefined;
  const good = slotToBoot(block && { good: block.good }, isWhole)?.slot;
  const { slot, trial } = slotToBoot(block, isWhole) ?? {};
  const hasOther = SLOTS.every(isWhole);
  const cannotStart = trial === true && readOnly === true;
  const before = variables(env);
  const counts = trial === true && readOnly !== true;
  return {
    entries: [...(trial ? ["trial"] : []), "good", ...(hasOther && !trial ? ["other"] : []), "rescue", "reset"],
    fallback: hasOther ? "1" : "",
    boots: {
      slot: `${cannotStart ? good : slot}`,
      trial: trial === true && !cannotStart,
      damaged: block === undefined,
    },
    env: counts ? [before[0], before[1], Number(before[2]) - 1, ""].join() : before.join(),
  };
}

/** The values of a block, whether it is a good one or not. */
function variables(env: Uint8Array = new Uint8Array()): string[] {
  const text = Buffer.from(env).toString("latin1");
  return Object.values(ENV).map((name) => new RegExp(`^${name}=(\\w*)`, "m").exec(text)?.[1] ?? "");
}

function words(value: object): string {
  return JSON.stringify(value);
}

/** A disk that GRUB goes through all cases on, instead of booting. */
async function diskOfCases(directory: string, cases: readonly Case[]): Promise<Disk> {
  const file = join(directory, "cases.raw");
  const { dir } = await buildDisk("raw", { usualFlavour: "cloud" });
  await copySparse(join(dir, "k3os.raw"), file);
  const tree = join(directory, "T");
  for (const [index, one] of cases.entries()) writeCase(join(tree, numberOf(index)), one);
  writeFileSync(join(tree, "MENU.CFG"), menuOfCases());
  writeFileSync(join(directory, "GRUB.CFG"), script(cases));
  const onEsp = ["-i", `${file}@@${ESP.startMiB << 20}`];
  await tool("mcopy", "-s", ...onEsp, tree, "::/");
  await tool("mcopy", "-o", ...onEsp, join(directory, "GRUB.CFG"), `::${BOOT_MENU}`);
  return { file, format: "raw", bootIndex: 1 };
}

const copySparse = (from: string, to: string) => runCommand(["cp", "--sparse=always", from, to]);

const numberOf = (index: number) => `${index}`.padStart(3, "0");

function writeCase(directory: string, { env, lacks }: Case): void {
  for (const slot of SLOTS) {
    mkdirSync(join(directory, slot.toUpperCase()), { recursive: true });
    const record = { version: slot, digest: "sha256:0", system: `/k3os/system/${slot}`, arguments: [] };
    for (const part of PARTS) {
      const text = part === SLOT_FILE ? formatSlotRecord(record) : "";
      if (lacks[slot] !== part) writeFileSync(join(directory, slot.toUpperCase(), part), text);
    }
  }
  if (env !== undefined) writeFileSync(join(directory, "ENV"), env);
}

/**
 * The menu itself, below `$base`: what an entry does is a function of its name, and the entry is told instead. GRUB's
 * language has no function inside of an `if`, so they come first.
 */
function menuOfCases(): string {
  const functions: string[] = [];
  const menu = diskMenu("amd64")
    .replace(/^if serial [\s\S]*?^fi\n/m, "")
    .replaceAll(`)${BOOT}/`, ")$base/")
    .replace(/^submenu .* --id (\w+) \{[\s\S]*?^\}$/m, "echo entry $1")
    .replace(/^( *)menuentry .* --id (\w+) \{\n([\s\S]*?)\n\1\}$/gm, (_, indent, id, body) => {
      functions.push(`function start_${id} {\n${body}\n}\n`);
      return `${indent}echo entry ${id}`;
    });
  return [...functions, menu].join("");
}

/** Goes through all cases. What would start a kernel tells which one it is. */
function script(all: readonly Case[]): string {
  const goThrough = (cases: readonly number[], where: string) =>
    `for number in ${cases.map(numberOf).join(" ")}; do examine $number ${where}; done\n`;
  const indices = all.map((_, index) => index);
  return `serial --unit=0 --speed=115200
terminal_output serial
set first=$root
function tell {
  set trial=
  if regexp k3os.trial "$*"; then set trial=" on trial"; fi
  set damaged=
  if regexp ${ENV_DAMAGED} "$*"; then set damaged=", damaged"; fi
  echo "boots $3$trial$damaged"
}
function examine {
  echo case $1
  set base=/T/$1
  set root=$2
  set fallback=
  source ($2)/T/MENU.CFG
  echo fallback $fallback
  set linux=tell
  set initrd=true
  if [ -n "$trial" ]; then start_trial; else start_good; fi
  set k3good=
  set k3try=
  set k3left=
  set k3stage=
  if [ -f ($2)$base/ENV ]; then load_env -f ($2)$base/ENV k3good k3try k3left k3stage; fi
  echo env $k3good,$k3try,$k3left,$k3stage
}
${goThrough(
  indices.filter((index) => !all[index]?.readOnly),
  "$first",
)}${goThrough(
  indices.filter((index) => all[index]?.readOnly),
  "hd1,gpt2",
)}echo no more cases
halt
`;
}

function read(console: string): Told[] {
  const [, ...parts] = console.split(/^case \d+\s*$/m);
  return parts.map((part) => {
    const value = (name: string) => new RegExp(`^${name} ?(.*?)\\s*$`, "m").exec(part)?.[1] ?? "";
    const [, slot = "", trial, damaged] = /^boots k3os\.slot=(\w)( on trial)?(, damaged)?/m.exec(part) ?? [];
    return {
      entries: [...part.matchAll(/^entry (\w+)/gm)].map(([, id = ""]) => id),
      fallback: value("fallback"),
      boots: { slot, trial: trial !== undefined, damaged: damaged !== undefined },
      env: value("env"),
    };
  });
}
