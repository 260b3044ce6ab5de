import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import type { Tools } from "../../src/build/tools.ts";
import type { SlotName } from "../../src/image/boot-env.ts";
import { ESP_MENU, espLoaders, IMAGE_FILES, KERNEL_FILES } from "../../src/image/disk.ts";
import { parseImageJson } from "../../src/node/images/verify.ts";
import { runCommand } from "../../src/process/run.ts";
import { type Random, random } from "../fuzz/random.ts";
import type { Extent } from "./debugfs.ts";
import { choiceOf, type EspView, faultsOf, type KnownImage, type StateView } from "./judge.ts";
import {
  applyUnit,
  type Epoch,
  epochsOf,
  type Layers,
  noLayers,
  PART_NAMES,
  type PartName,
  type Parts,
  partsOf,
} from "./log.ts";
import { grubReads, readEsp, readState, type SystemFiles, sha256 } from "./read.ts";
import type { Recording, Session } from "./record.ts";
import { openShell, type Shell } from "./shell.ts";
import { type CrashState, countOf, type Kind, statesOf } from "./states.ts";
import { isZero, PAGE, type Page, pageOf } from "./volume.ts";
import { readOnlyFile, repairedFile, type WorkingFile } from "./working-file.ts";

/** What was found in the states of one operation. */
export interface Found {
  readonly operation: string;
  epochs: number;
  states: number;
  /** States of which no other one has the same content. */
  distinct: number;
  /** States in which nothing boots yet: an installation that is not complete. */
  empty: number;
  failures: number;
  /** The most clusters of the ESP that belonged to no file. */
  leaked: number;
}

/** A state that would not boot a whole system. */
export interface Failure {
  readonly session: number;
  readonly operation: string;
  readonly epoch: number;
  /** Its number in the epoch. */
  readonly state: number;
  readonly kind: Kind;
  readonly faults: readonly string[];
}

export interface ReplayOptions {
  readonly tools: Tools;
  readonly recording: Recording;
  /** How many states to look at, at least those that are not drawn. */
  readonly states: number;
  readonly seed: number;
  /** How many of the disks are kept as files, to be booted: spread over the life of the machine. */
  readonly keep: number;
  /** Receives those files. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly update: (what: string) => void;
}

/** A disk as a power cut leaves it, as a file. */
export interface KeptDisk {
  readonly file: string;
  /** Which state it is. */
  readonly name: string;
  readonly boots: { readonly slot: SlotName; readonly trial: boolean } | undefined;
}

export interface Replayed {
  readonly found: readonly Found[];
  readonly failures: readonly Failure[];
  /** Reads of the ESP and of the state partition: each content once. */
  readonly read: { readonly esp: number; readonly state: number };
  readonly kept: readonly KeptDisk[];
}

/** Cuts the power everywhere in a recording. */
export async function replay(options: ReplayOptions): Promise<Replayed> {
  const { recording, states, signal } = options;
  const images = knownImages(recording);
  const plans = recording.sessions.map((session) => [...epochsOf(session, images.pages)]);
  const all = plans.flat();
  const must = all.reduce((sum, { units }) => sum + countOf(units.length), 0);
  const units = all.reduce((sum, epoch) => sum + epoch.units.length, 0);
  // A third of the draws come to nothing in epochs of one unit.
  const perUnit = Math.max(0, (states - must) / Math.max(1, units));
  const found = new Map<string, Found>();
  const failures: Failure[] = [];
  const read = { esp: 0, state: 0 };
  const sample: Sample = { every: options.keep === 0 ? 0 : Math.ceil(states / options.keep), seen: 0, kept: [] };
  for (const [index, session] of recording.sessions.entries()) {
    const disk = await openDisk(options, session, images);
    try {
      for (const [number, epoch] of (plans[index] ?? []).entries()) {
        signal.throwIfAborted();
        const tally = tallyOf(found, epoch.operation);
        tally.epochs++;
        const more = Math.ceil(epoch.units.length * perUnit * 1.15);
        options.update(
          `${epoch.operation}, epoch ${number}, ${[...found.values()].reduce((n, f) => n + f.states, 0)} states`,
        );
        const bad = await lookAt(disk, epoch, more, {
          ...{ numbers: random(options.seed * 7919 + number * 31 + index), tally },
          keep: (state, layers, boots) =>
            keepSome(options, sample, disk, `${epoch.operation}, epoch ${number}, state ${state}`, layers, boots),
        });
        for (const failure of bad)
          failures.push({ session: index, operation: epoch.operation, epoch: number, ...failure });
      }
      read.esp += disk.espViews.size;
      read.state += disk.stateViews.size;
    } finally {
      disk.close();
    }
  }
  return { found: [...found.values()], failures, read, kept: sample.kept };
}

interface Sample {
  readonly every: number;
  seen: number;
  readonly kept: KeptDisk[];
}

/** Keeps one of so many disks that boot. */
async function keepSome(
  { directory }: ReplayOptions,
  sample: Sample,
  disk: Disk,
  name: string,
  layers: Layers,
  boots: KeptDisk["boots"],
): Promise<void> {
  if (sample.every === 0 || ++sample.seen % sample.every !== 0) return;
  const file = join(directory, `cut-${sample.kept.length}.raw`);
  sample.kept.push({ file, name, boots });
  await disk.write(layers, file);
}

function tallyOf(found: Map<string, Found>, operation: string): Found {
  const known = found.get(operation) ?? {
    ...{ operation, epochs: 0, states: 0, distinct: 0, empty: 0, failures: 0, leaked: 0 },
  };
  found.set(operation, known);
  return known;
}

interface Images {
  readonly known: readonly KnownImage[];
  readonly pages: ReadonlySet<number>;
  /** Ids of the pages of each root, in their order, by the image's name. */
  readonly roots: ReadonlyMap<string, readonly number[]>;
  readonly json: ReadonlyMap<string, string>;
  readonly sizes: ReadonlyMap<string, number>;
}

function knownImages({ images }: Recording): Images {
  const pages = new Set<number>();
  const roots = new Map<string, number[]>();
  const json = new Map<string, string>();
  const sizes = new Map<string, number>();
  const known = Object.values(images).map(({ dir }): KnownImage => {
    const text = readFileSync(join(dir, "image.json"), "utf8");
    const { version, files } = parseImageJson(text, dir);
    const digest = `sha256:${sha256(text)}`;
    const name = `${version}-${digest.slice(7, 15)}`;
    for (const file of IMAGE_FILES) {
      const ids = pageIds(readFileSync(join(dir, file)));
      if (file !== "image.json") for (const id of ids) pages.add(id);
      if (file === "root.squashfs") roots.set(name, ids);
    }
    json.set(name, text);
    sizes.set(name, files?.["root.squashfs"]?.size ?? 0);
    const sums = Object.entries(KERNEL_FILES).map(([onEsp, file]) => [onEsp, files?.[file]?.sha256 ?? ""]);
    return { digest, name, sums: Object.fromEntries(sums) };
  });
  return { known, pages, roots, json, sizes };
}

/** The last one is filled up with zeros, as a file system does it. */
function pageIds(bytes: Uint8Array): number[] {
  const ids: number[] = [];
  for (let at = 0; at < bytes.length; at += PAGE) {
    const page = new Uint8Array(PAGE);
    page.set(bytes.subarray(at, at + PAGE));
    ids.push(pageOf(page).id);
  }
  return ids;
}

/** Equal for equal content. */
type Keys = Readonly<Record<PartName, string>>;

function keysOf({ head, esp, state }: Parts, layers: Layers): Keys {
  return { head: head.key(layers.head), esp: esp.key(layers.esp), state: state.key(layers.state) };
}

interface Verdict {
  readonly faults: readonly string[];
  readonly leaked: number;
  readonly boots: KeptDisk["boots"];
}

/** A disk on which the power is cut, and what was read of it so far. */
interface Disk {
  readonly parts: Parts;
  readonly seen: Set<string>;
  readonly espViews: Map<string, Promise<EspView>>;
  readonly stateViews: Map<string, Promise<StateView>>;
  /** The disk that `layers` make, judged; `undefined` if nothing boots yet. Call it for one state after the other. */
  judge(layers: Layers, keys: Keys, desk: Desk): Promise<Verdict | undefined>;
  /** Writes the disk that `layers` make into a file. */
  write(layers: Layers, file: string): Promise<void>;
  readonly desks: readonly Desk[];
  commit(layers: Layers): void;
  close(): void;
}

/** Files of one reader; several read side by side. */
interface Desk {
  readonly shell: Shell;
  readonly esp: WorkingFile;
  readonly mended: WorkingFile;
  readonly state: WorkingFile;
}

async function openDisk({ tools, recording }: ReplayOptions, session: Session, images: Images): Promise<Disk> {
  const base = openSync(session.base, "r");
  const parts = partsOf(base, statSync(session.base).size);
  const directory = mkdtempSync(
    join(statSync("/dev/shm", { throwIfNoEntry: false }) ? "/dev/shm" : tmpdir(), "k3os-cut-"),
  );
  const isImage = (page: Page) => images.pages.has(page.id) && !isZero(page);
  const used = { esp: parts.esp.usedPages(), state: parts.state.usedPages() };
  const desks = Array.from(
    { length: availableParallelism() },
    (_, number): Desk => ({
      shell: openShell(tools, directory, `shell-${number}`),
      esp: readOnlyFile(join(directory, `esp-${number}`), parts.esp, used.esp),
      mended: repairedFile(join(directory, `mended-${number}`), parts.esp, used.esp, () => false),
      state: repairedFile(join(directory, `state-${number}`), parts.state, used.state, isImage),
    }),
  );
  const espViews = new Map<string, Promise<EspView>>();
  const stateViews = new Map<string, Promise<StateView>>();
  const boots = session === recording.sessions[0] ? await whatBoots(desks[0]?.shell, session, directory) : undefined;
  const bootable = new Map<string, Promise<boolean>>();

  return {
    parts,
    ...{ espViews, stateViews, desks, seen: new Set() },
    async judge(layers, keys, desk) {
      if (boots !== undefined) {
        const key = `${keys.head} ${keys.esp}`;
        const answer = await remembered(bootable, key, () => {
          desk.esp.become(layers.esp);
          return boots(parts, layers, desk.esp.path, desk.shell);
        });
        if (!answer) return undefined;
      }
      const esp = await remembered(espViews, keys.esp, () => {
        desk.esp.become(layers.esp);
        return readEsp(desk.shell, desk.esp.path, () => {
          desk.mended.become(layers.esp);
          return desk.mended.path;
        });
      });
      const state = await remembered(stateViews, keys.state, () => {
        desk.state.become(layers.state);
        return readState(desk.shell, desk.state.path, systemsOf(images, parts, layers));
      });
      return { faults: faultsOf(esp, state, images.known), leaked: esp.leaked, boots: choiceOf(esp) };
    },
    async write(layers, file) {
      await runCommand(["cp", "--sparse=always", session.base, file]);
      const disk = openSync(file, "r+");
      for (const name of PART_NAMES) {
        const part = parts[name];
        for (const [number, { bytes }] of [...part.changed, ...layers[name]])
          writeSync(disk, bytes, 0, PAGE, part.start + number * PAGE);
      }
      closeSync(disk);
    },
    commit(layers) {
      for (const name of PART_NAMES) parts[name].commit(layers[name]);
      for (const { esp, mended, state } of desks) {
        esp.follow(layers.esp);
        mended.follow(layers.esp);
        state.follow(layers.state);
      }
    },
    close() {
      for (const { shell, esp, mended, state } of desks) {
        esp.close();
        mended.close();
        shell.close();
        state.close();
      }
      closeSync(base);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function remembered<T>(known: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const before = known.get(key);
  if (before !== undefined) return before;
  const made = make();
  known.set(key, made);
  return made;
}

function systemsOf({ json, roots, sizes }: Images, { state }: Parts, layers: Layers): SystemFiles[] {
  return [...json].map(([name, imageJson]) => ({
    ...{ name, imageJson },
    isRoot(extents: readonly Extent[], size: number) {
      const wanted = roots.get(name) ?? [];
      if (size !== sizes.get(name)) return false;
      const right = extents.map(({ logical, physical, count, unwritten }) => {
        for (let block = 0; block < count; block++) {
          if (logical + block >= wanted.length) return block; // reserved beyond the end
          if (unwritten || state.id(physical + block, layers.state) !== wanted[logical + block]) return -1;
        }
        return count;
      });
      return !right.includes(-1) && right.reduce((sum, count) => sum + count, 0) === wanted.length;
    },
  }));
}

/**
 * What tells whether a disk that is being installed boots by BIOS or by UEFI: the loader is as it is in the end. Until
 * then it boots nothing.
 */
async function whatBoots(first: Shell | undefined, session: Session, directory: string) {
  const file = session.base.replace(/\.base$/, ".disk");
  const end = openSync(file, "r");
  const parts = partsOf(end, statSync(file).size);
  const last = readOnlyFile(join(directory, "installed"), parts.esp, parts.esp.usedPages());
  const loaders = [...espLoaders("amd64").map(({ path }) => path), ESP_MENU];
  const sumsIn = async (path: string, shell: Shell) => {
    const sums: string[] = [];
    for (const loader of loaders) sums.push(sha256((await grubReads(shell, path, loader)) ?? "none"));
    return sums.join();
  };
  const wanted = first && (await sumsIn(last.path, first));
  last.close();
  const headIds = (of: Parts, layers?: Layers) =>
    Array.from({ length: of.head.pages }, (_, page) => of.head.id(page, layers?.head)).join();
  const head = headIds(parts);
  closeSync(end);
  return async (disk: Parts, layers: Layers, esp: string, shell: Shell): Promise<boolean> =>
    headIds(disk, layers) === head || (await sumsIn(esp, shell)) === wanted;
}

interface Watch {
  readonly numbers: Random;
  readonly tally: Found;
  /** Called for each disk that boots something. */
  keep(state: number, layers: Layers, boots: KeptDisk["boots"]): Promise<void>;
}

type Bad = Pick<Failure, "state" | "kind" | "faults">;

/** Looks at the states of an epoch, several at a time, and then goes on to its end. */
async function lookAt(disk: Disk, epoch: Epoch, more: number, { numbers, tally, keep }: Watch): Promise<Bad[]> {
  const { units } = epoch;
  const states = statesOf(
    units.map(({ sectors }) => sectors),
    more,
    numbers,
  );
  const failures: Bad[] = [];
  let next = 0;
  // Prefixes come first and grow, so most of their work is done already.
  let grown = { count: 0, layers: noLayers() };
  const layersOf = ({ kind, applied, torn }: CrashState): Layers => {
    let layers = noLayers();
    if (kind === "prefix") {
      for (; grown.count < applied.length; grown.count++)
        applyUnit(disk.parts, grown.layers, unitAt(units, grown.count));
      layers = copyOf(grown.layers);
    } else {
      for (const unit of applied) applyUnit(disk.parts, layers, unitAt(units, unit));
      if (torn !== undefined) applyUnit(disk.parts, layers, unitAt(units, torn.unit), torn.runs);
    }
    return layers;
  };
  const reader = async (desk: Desk) => {
    for (const state of states) {
      const number = next++;
      const layers = layersOf(state);
      const keys = keysOf(disk.parts, layers);
      const key = Object.values(keys).join(" ");
      tally.states++;
      if (!disk.seen.has(key)) tally.distinct++;
      disk.seen.add(key);
      const verdict = await disk.judge(layers, keys, desk);
      if (verdict === undefined) tally.empty++;
      else {
        tally.leaked = Math.max(tally.leaked, verdict.leaked);
        await keep(number, layers, verdict.boots);
        if (verdict.faults.length === 0) continue;
        tally.failures++;
        failures.push({ state: number, kind: state.kind, faults: verdict.faults });
      }
    }
  };
  await Promise.all(disk.desks.map(reader));
  const end = noLayers();
  for (const unit of units) applyUnit(disk.parts, end, unit);
  grown = { count: 0, layers: noLayers() };
  disk.commit(end);
  return failures;
}

function unitAt(units: Epoch["units"], number: number) {
  const unit = units[number];
  if (unit === undefined) throw new Error(`no unit ${number}`);
  return unit;
}

function copyOf({ head, esp, state }: Layers): Layers {
  return { head: new Map(head), esp: new Map(esp), state: new Map(state) };
}
