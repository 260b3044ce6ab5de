import { K3osError } from "../../errors.ts";
import { biosLoader } from "../../formats/grub-bios.ts";
import { parentOf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { ARCHITECTURES } from "../../image/architecture.ts";
import { BIOS_BOOT, biosParts, espLoaders, LOADER, loaderFiles } from "../../image/disk.ts";
import { OWN_ARCHITECTURE } from "../architecture.ts";
import type { Disk } from "../devices/disks.ts";
import type { SourceImage } from "../images/image.ts";
import { mounted } from "../mounted.ts";
import { syncEsp } from "../slots/esp.ts";
import { WORK } from "./work.ts";

const MiB = 1 << 20;
/** BIOS boots only from disks with sectors of this size. */
const SECTOR = 512;

/**
 * Mounts the root of the image, which contains the loader, and calls `work` with the loader's directory. Throws before
 * if the image has no loader.
 */
export function withLoader(host: Host, image: SourceImage, work: (loader: string) => Promise<void>): Promise<void> {
  const root = {
    type: "squashfs",
    source: `${image.directory}/root.squashfs`,
    target: `${WORK}/root`,
    options: "ro,loop",
  };
  const loader = `${root.target}${LOADER}`;
  return mounted(host, root, async () => {
    const missing = loaderFiles(OWN_ARCHITECTURE).find((name) => host.stat(`${loader}/${name}`) === undefined);
    if (missing !== undefined) {
      throw new K3osError(
        "integrity",
        `k3OS ${image.json.version} cannot be installed: it has no ${LOADER}/${missing}`,
        {
          hint: "Choose a newer image.",
        },
      );
    }
    await work(loader);
  });
}

/**
 * Makes the disk, whose ESP is mounted at `esp`, bootable by UEFI and, where there is one, by BIOS. Writes the first
 * sector last.
 */
export async function writeLoader(host: Host, esp: string, disk: Disk, loader: string): Promise<void> {
  await writeEfiLoaders(host, esp, loader);
  await syncEsp(host, esp);
  const { bios } = ARCHITECTURES[OWN_ARCHITECTURE];
  if (bios && logicalSector(host, disk) === SECTOR) await writeBiosLoader(host, disk, loader);
}

async function writeEfiLoaders(host: Host, esp: string, loader: string): Promise<void> {
  for (const { path, from } of espLoaders(OWN_ARCHITECTURE)) {
    const target = `${esp}${path}`;
    host.mkdir(parentOf(target));
    await run(host, ["cp", `${loader}/${from}`, `${target}.new`]);
    await run(host, ["sync", `${target}.new`]);
    host.rename(`${target}.new`, target);
  }
}

async function writeBiosLoader(host: Host, { path }: Disk, loader: string): Promise<void> {
  const parts = biosParts((name) => host.read(`${loader}/${name}`));
  const place = { start: BIOS_BOOT.startMiB * MiB, size: (BIOS_BOOT.sizeMiB ?? 0) * MiB };
  for (const { offset, bytes } of biosLoader(parts, place).toSorted((a, b) => b.offset - a.offset)) {
    const at = [`of=${path}`, `bs=${SECTOR}`, `seek=${offset / SECTOR}`];
    await run(host, ["dd", ...at, "conv=notrunc,fsync"], { input: bytes });
  }
}

function logicalSector(host: Host, { name }: Disk): number {
  return Number(host.readText(`/sys/block/${name}/queue/logical_block_size`));
}
