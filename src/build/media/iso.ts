import { linkSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { grubMenu } from "../../image/grub.ts";
import { megabytes } from "../extract.ts";
import type { BuiltImage } from "../recipe.ts";
import type { Work } from "../steps.ts";

const label = "K3OS";

/** What GRUB needs to find the medium and start Linux, besides what its platforms add. */
const commonModules = [
  ...["iso9660", "part_gpt", "part_msdos", "search", "search_label"],
  ...["normal", "configfile", "test", "true", "echo", "ls", "cat", "reboot", "halt"],
  ...["linux", "gzio", "serial", "terminal", "all_video"],
];

/** Runs a program of the tools tree that must not bring in the time of day. */
type RunTool = (...argv: string[]) => Promise<unknown>;

/** A disc image that boots from a disc or a USB stick, by BIOS or by UEFI. Equal images give equal bytes. */
export async function makeIso(work: Work, image: BuiltImage): Promise<string> {
  const { tools, imageJson } = image;
  const run: RunTool = (...argv) => {
    const tool = tools.command(argv);
    return work.command(tool.argv, { env: { ...tool.env, SOURCE_DATE_EPOCH: `${imageJson.time}`, TZ: "UTC" } });
  };
  const tree = join(work.scratch, "iso");
  const efi = join(work.scratch, "efi.img");
  const file = join(work.out, "k3os.iso");

  placeImage(tree, image);
  await makeBiosLoader(run, work.scratch, image, join(tree, "boot/grub/bios.img"));
  await makeEfiVolume(run, work.scratch, image, efi);
  await writeIso(run, image, tree, efi, file);
  return megabytes(statSync(file).size);
}

function placeImage(tree: string, { dir, imageJson }: BuiltImage): void {
  const directory = `/k3os/system/${imageJson.version}`;
  mkdirSync(join(tree, directory), { recursive: true });
  for (const name of ["vmlinuz", "initrd", "root.squashfs", "image.json"]) {
    linkSync(join(dir, name), join(tree, directory, name));
  }
  symlinkSync(imageJson.version, join(tree, "k3os/system/current"));
  mkdirSync(join(tree, "boot/grub"), { recursive: true });
  const menu = grubMenu({ directory, label, arguments: imageJson.kernel.arguments });
  writeFileSync(join(tree, "boot/grub/grub.cfg"), menu);
}

function makeBiosLoader(run: RunTool, scratch: string, image: BuiltImage, file: string): Promise<unknown> {
  return makeGrub(
    run,
    scratch,
    image,
    { format: "i386-pc-eltorito", platform: "i386-pc", modules: ["biosdisk"] },
    file,
  );
}

/** The FAT file system that UEFI looks for a loader in. */
async function makeEfiVolume(run: RunTool, scratch: string, image: BuiltImage, file: string): Promise<void> {
  const loader = join(scratch, "BOOTX64.EFI");
  const modules = ["fat", "efi_gop", "efi_uga"];
  await makeGrub(run, scratch, image, { format: "x86_64-efi", platform: "x86_64-efi", modules }, loader);
  // Whole tracks of 2 heads and 32 sectors, with room for the file system itself.
  const tracks = Math.ceil((statSync(loader).size + (256 << 10)) / (64 * 512));
  const geometry = ["-T", `${tracks * 64}`, "-h", "2", "-s", "32"];
  await run("mformat", "-C", "-i", file, ...geometry, "-N", "6b336f73", "-v", "K3OS_EFI", "::");
  await run("mmd", "-i", file, "::EFI", "::EFI/BOOT");
  await run("mcopy", "-i", file, loader, "::EFI/BOOT/BOOTX64.EFI");
}

interface GrubTarget {
  readonly format: string;
  readonly platform: string;
  readonly modules: readonly string[];
}

async function makeGrub(
  run: RunTool,
  scratch: string,
  { tools }: BuiltImage,
  { format, platform, modules }: GrubTarget,
  file: string,
): Promise<void> {
  const findMedium = join(scratch, "find.cfg");
  writeFileSync(findMedium, `search --no-floppy --label ${label} --set=root\nset prefix=($root)/boot/grub\n`);
  const directory = tools.path(`usr/lib/grub/${platform}`);
  const options = ["--format", format, "--directory", directory, "--prefix", "/boot/grub", "--config", findMedium];
  await run("grub-mkimage", ...options, "--output", file, ...commonModules, ...modules);
}

async function writeIso(
  run: RunTool,
  { tools, imageJson }: BuiltImage,
  tree: string,
  efi: string,
  file: string,
): Promise<void> {
  const stamp = `${new Date(imageJson.time * 1000).toISOString().replace(/[^\d]/g, "").slice(0, 14)}00`;
  const times = [`--modification-date=${stamp}`, "--set_all_file_dates", stamp];
  const biosFromDisc = ["-b", "boot/grub/bios.img", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"];
  const biosFromStick = ["--grub2-boot-info", "--grub2-mbr", tools.path("usr/lib/grub/i386-pc/boot_hybrid.img")];
  const partitions = ["-partition_offset", "16", "-appended_part_as_gpt", "-iso_mbr_part_type", "0x83"];
  const efiFromStick = ["-append_partition", "2", "0xef", efi];
  const efiFromDisc = ["-eltorito-alt-boot", "-e", "--interval:appended_partition_2:all::", "-no-emul-boot"];
  const boot = [...biosFromDisc, ...biosFromStick, ...partitions, ...efiFromStick, ...efiFromDisc];
  await run("xorriso", "-as", "mkisofs", "-r", "-V", label, ...times, ...boot, "-o", file, tree);
}
