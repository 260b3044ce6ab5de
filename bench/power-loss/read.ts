import { createHash } from "node:crypto";
import type { Tools } from "../../src/build/tools.ts";
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
import { endOf, startPiped } from "../../src/process/run.ts";
import { type Extent, readAnswers, readExtents } from "./debugfs.ts";
import { fatFaults } from "./fat-faults.ts";
import type { EspView, SlotView, StateView } from "./judge.ts";

interface Said {
  readonly status: number;
  readonly stdout: Uint8Array;
  readonly stderr: string;
}

/** Runs a program of the tools tree. */
async function say(tools: Tools, argv: readonly string[], input = ""): Promise<Said> {
  const child = startPiped(tools.command(argv));
  const [out, err]: Buffer[][] = [[], []];
  child.stdout.on("data", (part: Buffer) => out?.push(part));
  child.stderr.on("data", (part: Buffer) => err?.push(part));
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const status = await endOf(child);
  return { status, stdout: Buffer.concat(out ?? []), stderr: Buffer.concat(err ?? []).toString() };
}

const textOf = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : Buffer.from(bytes).toString());

/**
 * Reads the file system in `esp` by GRUB's drivers, and checks it. If it has faults, it is mended in the file that
 * `copy` makes, and read again.
 */
export async function readEsp(tools: Tools, esp: string, copy: () => string): Promise<EspView> {
  const view = await readFat(tools, esp);
  if (view.faults.length === 0) return view;
  const file = copy();
  await say(tools, ["fsck.fat", "-a", file]);
  return { ...view, mended: await readFat(tools, file) };
}

async function readFat(tools: Tools, esp: string): Promise<EspView> {
  const [env, menu, machine, a, b, check] = [
    await grubReads(tools, esp, BOOT_ENV),
    await grubReads(tools, esp, BOOT_MENU),
    await grubReads(tools, esp, MACHINE_ARGUMENTS),
    await readSlot(tools, esp, "a"),
    await readSlot(tools, esp, "b"),
    await say(tools, ["fsck.fat", "-n", esp]),
  ];
  return {
    ...{ env, menu: textOf(menu), machine: textOf(machine), slots: { a, b } },
    ...fatFaults(textOf(check.stdout) ?? ""),
  };
}

async function readSlot(tools: Tools, esp: string, slot: SlotName): Promise<SlotView> {
  const directory = slotDirectory(slot);
  const record = textOf(await grubReads(tools, esp, `${directory}/${SLOT_FILE}`));
  const sums: Record<string, string | undefined> = {};
  if (record === undefined) return { record, sums };
  for (const name of [SLOT_KERNEL, SLOT_INITRD]) {
    const bytes = await grubReads(tools, esp, `${directory}/${name}`);
    sums[name] = bytes && sha256(bytes);
  }
  return { record, sums };
}

/** The file's bytes, as far as GRUB reads them; `undefined` if it does not find the file. */
export async function grubReads(tools: Tools, esp: string, path: string): Promise<Uint8Array | undefined> {
  const { status, stdout, stderr } = await say(tools, ["grub-fstest", esp, "cat", `(loop0)${path}`]);
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
export async function readState(tools: Tools, state: string, systems: readonly SystemFiles[]): Promise<StateView> {
  const check = await say(tools, ["e2fsck", "-fp", state]);
  const fault = check.status <= 1 ? undefined : `e2fsck ends with ${check.status}: ${lastLine(check)}`;
  const commands = [`stat ${CURRENT}`, `cat ${SYSTEM}/deployments.json`];
  for (const { name } of systems) {
    const directory = `${SYSTEM}/${name}`;
    commands.push(`cat ${directory}/image.json`, `stat ${directory}/root.squashfs`, `ex ${directory}/root.squashfs`);
  }
  const { stdout } = await say(tools, ["debugfs", "-f", "-", state], commands.map((line) => `${line}\n`).join(""));
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
