import { linkSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ARCHITECTURES } from "../../image/architecture.ts";
import { ESP_MENU, espLoaders, IMAGE_FILES } from "../../image/disk.ts";
import { grubMenu } from "../../image/grub.ts";
import { megabytes, treeSize } from "../extract.ts";
import type { BuiltImage } from "../image.ts";
import { biosPlatform, type GrubPlatform, makeGrub } from "../loader.ts";
import type { Work } from "../steps.ts";
import { placeFile, placeText } from "../tree.ts";
import type { MadeImage, Workshop } from "../workshop.ts";

const label = "K3OS";

/** What GRUB needs under BIOS to find the medium and start Linux. */
const modules = [
  ...["biosdisk", "iso9660", "part_gpt", "part_msdos", "search", "search_label"],
  ...["normal", "configfile", "test", "true", "echo", "ls", "cat", "reboot", "halt"],
  ...["linux16", "linux", "gzio", "serial", "terminal", "all_video"],
];

/** Runs a program of the tools tree that must not bring in the time of day. */
type RunTool = (...argv: string[]) => Promise<unknown>;

/** A hybrid disc image, `k3os.iso`. Returns its directory. */
export function isoMedium({ runner }: Workshop, { image }: MadeImage): Promise<string> {
  return runner.run({ name: "iso", title: "ISO", maker: "iso", parts: { image }, make: makeIso });
}

/** A disc image that boots from a disc or a USB stick, by BIOS or by UEFI. Equal images give equal bytes. */
async function makeIso(work: Work, { image }: { readonly image: BuiltImage }): Promise<string> {
  const { tools, imageJson } = image;
  const { bios } = ARCHITECTURES[imageJson.architecture];
  const platform = bios && biosPlatform(image.target, bios.grub);
  const run: RunTool = (...argv) => {
    const tool = tools.command(argv);
    return work.command(tool.argv, { env: { ...tool.env, SOURCE_DATE_EPOCH: `${imageJson.time}`, TZ: "UTC" } });
  };
  const tree = join(work.scratch, "iso");
  const efi = join(work.scratch, "efi.img");
  const file = join(work.out, "k3os.iso");

  placeImage(tree, image);
  if (platform) await makeBiosLoader(work, image, platform, join(tree, BIOS_LOADER));
  await makeEfiVolume(run, work.scratch, image, efi);
  await writeIso(run, image, [...(platform ? biosBoot(platform) : []), ...efiBoot(efi)], tree, file);
  return megabytes(statSync(file).size);
}

function placeImage(tree: string, { dir, imageJson }: BuiltImage): void {
  const directory = `/k3os/system/${imageJson.version}`;
  mkdirSync(join(tree, directory), { recursive: true });
  for (const name of IMAGE_FILES) {
    linkSync(join(dir, name), join(tree, directory, name));
  }
  symlinkSync(imageJson.version, join(tree, "k3os/system/current"));
  mkdirSync(join(tree, "boot/grub"), { recursive: true });
  const menu = grubMenu(imageJson.architecture, { ...imageJson.kernel, directory, label });
  writeFileSync(join(tree, "boot/grub/grub.cfg"), menu);
  // Started from a disc, Debian's signed GRUB takes the whole disc for its volume, not the FAT file system that it came
  // from.
  placeText(findMenu, join(tree, ESP_MENU));
}

const findMedium = `search --no-floppy --label ${label} --set=root\nset prefix=($root)/boot/grub\n`;
const findMenu = `${findMedium}configfile $prefix/grub.cfg\n`;

/** On the disc. */
const BIOS_LOADER = "boot/grub/bios.img";

function makeBiosLoader(work: Work, { tools }: BuiltImage, platform: GrubPlatform, file: string): Promise<void> {
  mkdirSync(dirname(file), { recursive: true });
  const from = { tools, platform, format: `${platform.name}-eltorito`, prefix: "/boot/grub" };
  return makeGrub(work, { ...from, modules, config: findMedium, file });
}

/**
 * The FAT file system that UEFI looks for a loader in: Debian's signed ones, so that the medium boots under Secure
 * Boot, too.
 */
async function makeEfiVolume(
  run: RunTool,
  scratch: string,
  { loader, imageJson }: BuiltImage,
  file: string,
): Promise<void> {
  const tree = join(scratch, "efi");
  placeText(findMenu, join(tree, ESP_MENU));
  for (const { path, from } of espLoaders(imageJson.architecture)) placeFile(join(loader, from), join(tree, path));
  // Whole tracks of 2 heads and 32 sectors, with room for the file system itself.
  const tracks = Math.ceil((treeSize(tree) + (256 << 10)) / (64 * 512));
  const geometry = ["-T", `${tracks * 64}`, "-h", "2", "-s", "32"];
  await run("mformat", "-C", "-i", file, ...geometry, "-N", "6b336f73", "-v", "K3OS_EFI", "::");
  await run("mcopy", "-s", "-i", file, join(tree, "EFI"), "::");
}

/** What xorriso is told, so that BIOS boots the disc, and the stick that it is written to. */
function biosBoot({ directory }: GrubPlatform): readonly string[] {
  const fromDisc = ["-b", BIOS_LOADER, "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"];
  return [...fromDisc, "--grub2-boot-info", "--grub2-mbr", join(directory, "boot_hybrid.img")];
}

/** The same for UEFI: `volume` becomes a partition, which the disc names, too. */
function efiBoot(volume: string): readonly string[] {
  const partitions = ["-partition_offset", "16", "-appended_part_as_gpt", "-iso_mbr_part_type", "0x83"];
  const fromStick = ["-append_partition", "2", "0xef", volume];
  const fromDisc = ["-eltorito-alt-boot", "-e", "--interval:appended_partition_2:all::", "-no-emul-boot"];
  return [...partitions, ...fromStick, ...fromDisc];
}

async function writeIso(
  run: RunTool,
  { imageJson }: BuiltImage,
  boot: readonly string[],
  tree: string,
  file: string,
): Promise<void> {
  const stamp = `${new Date(imageJson.time * 1000).toISOString().replace(/[^\d]/g, "").slice(0, 14)}00`;
  const times = [`--modification-date=${stamp}`, "--set_all_file_dates", stamp];
  await run("xorriso", "-as", "mkisofs", "-r", "-V", label, ...times, ...boot, "-o", file, tree);
}
