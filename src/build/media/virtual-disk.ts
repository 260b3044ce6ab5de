import { createHash } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ova } from "../../formats/ovf.ts";
import { megabytes } from "../extract.ts";
import type { BuiltImage } from "../image.ts";
import type { Work } from "../steps.ts";
import type { MadeImage, Workshop } from "../workshop.ts";
import { type DiskOptions, RAW_DISK, type RunTool, rawDisk, toolRunner } from "./disk.ts";

export type VirtualDiskFormat = "qcow2" | "vmdk" | "ova" | "vhd" | "vdi";

/** Virtual disks that their hypervisor cannot enlarge are made large at once; they take no more room for that. */
const virtualSize = "16G";

const conversions: Readonly<
  Record<Exclude<VirtualDiskFormat, "ova">, { readonly name: string; readonly options?: string }>
> = {
  qcow2: { name: "qcow2" },
  vmdk: { name: "vmdk", options: "subformat=streamOptimized" },
  vhd: { name: "vpc", options: "subformat=dynamic" },
  vdi: { name: "vdi" },
};

interface VirtualDiskParts {
  readonly image: BuiltImage;
  /** Directory with the raw disk. */
  readonly raw: string;
  readonly format: VirtualDiskFormat;
  /** Whether only its owner may read the file. */
  readonly secret: boolean;
}

/** The disk in the format of a hypervisor: `k3os.<format>`. Returns its directory. */
export async function virtualDisk(
  shop: Workshop,
  made: MadeImage,
  format: VirtualDiskFormat,
  options: DiskOptions,
): Promise<string> {
  const { image } = made;
  const raw = await rawDisk(shop, made, options);
  const step = { name: format, title: `Disk as ${format}`, maker: "virtualDisk", make: convertDisk } as const;
  return shop.runner.run({ ...step, parts: { image, raw, format, secret: options.config !== undefined } });
}

async function convertDisk(work: Work, { image, raw: directory, format, secret }: VirtualDiskParts): Promise<string> {
  const raw = join(directory, RAW_DISK);
  const run = toolRunner(work, image);
  const file = join(work.out, `k3os.${format}`);
  writeFileSync(file, "", { mode: secret ? 0o600 : 0o644 });
  if (format === "qcow2") await convert(run, raw, "qcow2", file);
  else {
    const large = join(work.scratch, "large.raw");
    await run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", raw, large, virtualSize]);
    if (format === "ova") await makeOva(run, work, large, file, image);
    else await convert(run, large, format, file, "qcow2");
  }
  return megabytes(statSync(file).size);
}

function convert(
  run: RunTool,
  from: string,
  format: keyof typeof conversions,
  to: string,
  fromFormat: "raw" | "qcow2" = "raw",
): Promise<string> {
  const { name, options } = conversions[format];
  return run(["qemu-img", "convert", "-f", fromFormat, "-O", name, ...(options ? ["-o", options] : []), from, to]);
}

async function makeOva(
  run: RunTool,
  work: Work,
  large: string,
  file: string,
  { imageJson }: BuiltImage,
): Promise<void> {
  const vmdk = join(work.scratch, "disk.vmdk");
  await convert(run, large, "vmdk", vmdk, "qcow2");
  const info = JSON.parse(await run(["qemu-img", "info", "--output=json", large])) as { "virtual-size": number };
  const hardware = { cpus: 2, memoryMiB: 2048, capacity: info["virtual-size"] };
  const machine = { name: "k3os", version: imageJson.version, ...hardware, vmdk: new Uint8Array(readFileSync(vmdk)) };
  writeFileSync(
    file,
    ova(machine, (bytes) => createHash("sha256").update(bytes).digest("hex")),
  );
}
