import { createHash } from "node:crypto";
import type { SlotName } from "../../src/image/boot-env.ts";
import { CURRENT, SYSTEM } from "../../src/image/disk.ts";
import {
  BOOT_ENV,
  BOOT_MENU,
  MACHINE_ARGUMENTS,
  SLOT_FILE,
  SLOT_INITRD,
  SLOT_KERNEL,
  slotDirectory,
} from "../../src/image/grub.ts";
import { BACKUP_SUPERBLOCK } from "../../src/node/initrd/state.ts";
import { MOST_PASSES } from "../../src/node/slots/esp.ts";
import { type Extent, readAnswers, readExtents } from "./debugfs.ts";
import { fatFaults } from "./fat-faults.ts";
import type { EspView, SlotView, StateView } from "./judge.ts";
import type { Said, Shell } from "./shell.ts";

const textOf = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : Buffer.from(bytes).toString());

/**
 * Reads the file system in `esp` by GRUB's drivers, and checks it. If it has faults, it is mended in the file that
 * `copy` makes, as a node does it, and read again.
 */
export async function readEsp(shell: Shell, esp: string, copy: () => string): Promise<EspView> {
  const view = await readFat(shell, esp);
  if (view.faults.length === 0) return view;
  const file = copy();
  for (let passes = 0; passes < MOST_PASSES; passes++) {
    const { status } = await shell.say(["fsck.fat", "-a", file]);
    if (status !== 1) break;
  }
  return { ...view, mended: await readFat(shell, file) };
}

async function readFat(shell: Shell, esp: string): Promise<EspView> {
  const [env, menu, machine, a, b, check] = [
    await grubReads(shell, esp, BOOT_ENV),
    await grubReads(shell, esp, BOOT_MENU),
    await grubReads(shell, esp, MACHINE_ARGUMENTS),
    await readSlot(shell, esp, "a"),
    await readSlot(shell, esp, "b"),
    await shell.say(["fsck.fat", "-n", esp]),
  ];
  return {
    ...{ env, menu: textOf(menu), machine: textOf(machine), slots: { a, b } },
    ...fatFaults(textOf(check.stdout) ?? ""),
  };
}

async function readSlot(shell: Shell, esp: string, slot: SlotName): Promise<SlotView> {
  const directory = slotDirectory(slot);
  const record = textOf(await grubReads(shell, esp, `${directory}/${SLOT_FILE}`));
  const sums: Record<string, string | undefined> = {};
  if (record === undefined) return { record, sums };
  for (const name of [SLOT_KERNEL, SLOT_INITRD]) {
    const bytes = await grubReads(shell, esp, `${directory}/${name}`);
    sums[name] = bytes && sha256(bytes);
  }
  return { record, sums };
}

/** The file's bytes, as far as GRUB reads them; `undefined` if it does not find the file. */
export async function grubReads(shell: Shell, esp: string, path: string): Promise<Uint8Array | undefined> {
  const { status, stdout, stderr } = await shell.say(["grub-fstest", esp, "cat", `(loop0)${path}`]);
  if (status !== 0 && stdout.length === 0 && stderr.includes("cannot open")) return undefined;
  return stdout;
}

export const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");

/** What an image must look like on the state partition. */
export interface SystemFiles {
  readonly name: string;
  readonly imageJson: string;
  /** Whether the content of these blocks is that of its root, which has that many bytes. */
  isRoot(extents: readonly Extent[], size: number): boolean;
}

/** Repairs the file system in `state` as a boot does, and reads it. */
export async function readState(shell: Shell, state: string, systems: readonly SystemFiles[]): Promise<StateView> {
  const first = await shell.say(["e2fsck", "-fp", state]);
  const check = first.status <= 3 ? first : await shell.say(["e2fsck", "-fp", ...BACKUP_SUPERBLOCK, state]);
  const fault = check.status <= 1 ? undefined : `e2fsck ends with ${check.status}: ${lastLine(check)}`;
  const commands = [`stat ${CURRENT}`, `cat ${SYSTEM}/deployments.json`];
  for (const { name } of systems) {
    const directory = `${SYSTEM}/${name}`;
    commands.push(`cat ${directory}/image.json`, `stat ${directory}/root.squashfs`, `ex ${directory}/root.squashfs`);
  }
  const { stdout } = await shell.say(["debugfs", "-f", "-", state], commands.map((line) => `${line}\n`).join(""));
  const answers = readAnswers(textOf(stdout) ?? "", commands);
  const [current, journal, ...rest] = answers;
  const whole = systems.filter(({ imageJson, isRoot }, index) => {
    const [json, stat, extents] = rest.slice(3 * index, 3 * index + 3);
    const size = Number(/\bSize: (\d+)/.exec(stat ?? "")?.[1] ?? -1);
    return json === imageJson && isRoot(readExtents(extents ?? ""), size);
  });
  return {
    ...{ fault, journal: journal === "" ? undefined : journal, whole: whole.map(({ name }) => name) },
    current: /^Fast link dest: "(.*)"$/m.exec(current ?? "")?.[1],
  };
}

function lastLine({ stdout, stderr }: Said): string {
  const lines = `${textOf(stdout)}${stderr}`.trim().split("\n");
  return lines.slice(-4).join("; ");
}
