import { renewedBiosLoader } from "../../formats/grub-bios.ts";
import { parentOf, readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { ARCHITECTURES } from "../../image/architecture.ts";
import {
  BIOS_BOOT,
  BIOS_FILES,
  biosParts,
  espLoaders,
  LOADER,
  menuEntries,
  partitionDevice,
  SYSTEM,
} from "../../image/disk.ts";
import { OWN_ARCHITECTURE } from "../architecture.ts";
import { withLock } from "../lock.ts";
import { RUN, STATE } from "../places.ts";
import { espDevice, mendEsp, ownDisk, syncEsp, withEsp } from "./esp.ts";
import { JOURNAL } from "./journal.ts";
import { runningSlot, runningSystem } from "./running.ts";
import { readSlots } from "./slots.ts";

/** On the state partition: which image the boot loader and the menu are of. None after an installation. */
const NOTE = `${SYSTEM}/loader.json`;

interface Note {
  /** Directory of the image. */
  readonly system: string;
  /** When the newest package of the image was made, in seconds since 1970. */
  readonly time: number;
}

const MiB = 1 << 20;
/** BIOS boots only from disks with sectors of this size. */
const SECTOR = 512;

/**
 * Whether boot loader and menu may be older than the image that runs. Costs a look at some files, and a boot after an
 * installation only one. That the image is kept is not asked here.
 */
export function isLoaderDue(host: Host): boolean {
  if (host.stat(`${STATE}${JOURNAL}`) === undefined) return false;
  const system = runningSystem(host);
  const note = readNote(host);
  return system !== undefined && system !== note?.system && (note === undefined || timeOfImage(host) >= note.time);
}

/**
 * Brings boot loader and menu to the version of the image that runs, if that is kept and not older than they are: an
 * older loader may have been revoked. Only what differs is written. Power may fail at any moment: each part is the old
 * or the new one, and the old parts go with the new ones. The next boot does what is left. Returns what was replaced.
 */
export async function renewLoader(host: Host): Promise<readonly string[]> {
  if (!isLoaderDue(host)) return [];
  return withLock(host, "upgrade", async () => {
    await mendEsp(host, espDevice(host));
    return withEsp(host, async (esp) => {
      const { env, good, records } = readSlots(host, { esp, state: STATE });
      const slot = runningSlot(host);
      if (slot === undefined || slot !== good || env?.trial === slot) return [];
      const mine: Note = { system: runningSystem(host) ?? "", time: timeOfImage(host) };
      const other = records[slot === "a" ? "b" : "a"]?.system;
      const theirs = other === undefined ? 0 : timeOfImage(host, `${STATE}${other}`);
      if (readNote(host) === undefined && other !== undefined && theirs > mine.time) {
        await writeNote(host, { system: other, time: theirs });
        return [];
      }
      const replaced = [...(await renewBios(host)), ...(await renewEfi(host, esp)), ...(await renewMenu(host, esp))];
      await writeNote(host, mine);
      return replaced;
    });
  });
}

/** GRUB before shim: an old shim starts a new GRUB, and a new shim may refuse an old one. */
async function renewEfi(host: Host, esp: string): Promise<string[]> {
  const replaced: string[] = [];
  for (const { path, from } of espLoaders(OWN_ARCHITECTURE).toReversed()) {
    const [source, target] = [`${LOADER}/${from}`, `${esp}${path}`];
    if ((await host.exec(["cmp", "-s", source, target])).status === 0) continue;
    host.mkdir(parentOf(target));
    await run(host, ["cp", source, `${target}.new`]);
    await replaceBy(host, esp, target);
    replaced.push(path);
  }
  return replaced;
}

/** The menu comes last: it may use what only the new GRUB has. */
async function renewMenu(host: Host, esp: string): Promise<string[]> {
  const replaced: string[] = [];
  for (const entry of menuEntries(OWN_ARCHITECTURE, [])) {
    const target = `${esp}${entry.path}`;
    if (!("text" in entry) || readTextIf(host, target) === entry.text) continue;
    host.mkdir(parentOf(target));
    host.write(`${target}.new`, entry.text);
    await replaceBy(host, esp, target);
    replaced.push(entry.path);
  }
  return replaced;
}

/**
 * Renames `TARGET.new`. FAT has no journal, so the order of writes is made here: the new file is whole first, then the
 * entry of the name leads to it, which is one sector, and only then are the clusters of the old file free. A file that
 * is open keeps its clusters.
 */
async function replaceBy(host: Host, esp: string, target: string): Promise<void> {
  await syncEsp(host, esp);
  const old = host.stat(target) === undefined ? undefined : host.openForWriting(target);
  try {
    host.rename(`${target}.new`, target);
    await syncEsp(host, esp);
  } finally {
    old?.close();
  }
  await syncEsp(host, esp);
}

async function renewBios(host: Host): Promise<string[]> {
  if (ARCHITECTURES[OWN_ARCHITECTURE].bios === undefined) return [];
  const name = ownDisk(host);
  if (Number(host.readText(`/sys/block/${name}/queue/logical_block_size`)) !== SECTOR) return [];
  const disk = `/dev/${name}`;
  const first = `${RUN}/first-sector`;
  await run(host, ["dd", `if=${disk}`, `of=${first}`, `bs=${SECTOR}`, "count=1"]);
  const before = { firstSector: host.read(first), partition: host.read(partitionDevice(disk, BIOS_BOOT.number)) };
  const parts = biosParts((file) => host.read(`${LOADER}/${file}`));
  const place = { start: BIOS_BOOT.startMiB * MiB, size: (BIOS_BOOT.sizeMiB ?? 0) * MiB };
  const writes = renewedBiosLoader(parts, before, place) ?? [];
  for (const { offset, bytes } of writes) {
    const at = [`of=${disk}`, `bs=${SECTOR}`, `seek=${offset / SECTOR}`];
    await run(host, ["dd", ...at, "conv=notrunc,fsync"], { input: bytes });
  }
  return writes.length === 0 ? [] : [BIOS_FILES.coreImg];
}

function readNote(host: Host): Note | undefined {
  const text = readTextIf(host, `${STATE}${NOTE}`);
  try {
    return text === undefined ? undefined : (JSON.parse(text) as Note);
  } catch {
    return undefined; // damaged: compared anew
  }
}

async function writeNote(host: Host, note: Note): Promise<void> {
  host.write(`${STATE}${NOTE}`, `${JSON.stringify(note)}\n`);
  await run(host, ["sync", "-f", `${STATE}${SYSTEM}`]);
}

function timeOfImage(host: Host, directory = "/usr/share/k3os"): number {
  return (JSON.parse(readTextIf(host, `${directory}/image.json`) ?? "{}") as { time?: number }).time ?? 0;
}
