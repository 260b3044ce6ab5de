import { linkSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { grubMenu } from "../../image/grub.ts";
import { megabytes } from "../extract.ts";
import type { BuiltImage } from "../recipe.ts";
import type { Work } from "../steps.ts";

const label = "K3OS";
/** What GRUB needs to find the medium and start Linux, besides what its platforms add. */
const commonModules = [
  "iso9660",
  "part_gpt",
  "part_msdos",
  "search",
  "search_label",
  "normal",
  "configfile",
  "linux",
  "echo",
  "test",
  "true",
  "ls",
  "cat",
  "reboot",
  "halt",
  "serial",
  "terminal",
  "all_video",
  "gzio",
];

/** A disc image that boots from a disc or a USB stick, by BIOS or by UEFI. Equal images give equal bytes. */
export async function makeIso(work: Work, image: BuiltImage): Promise<string> {
  const { tools, imageJson } = image;
  const tree = join(work.scratch, "iso");
  const directory = `/k3os/system/${imageJson.version}`;
  mkdirSync(join(tree, directory), { recursive: true });
  mkdirSync(join(tree, "boot/grub"), { recursive: true });
  for (const name of ["vmlinuz", "initrd", "root.squashfs", "image.json"]) {
    linkSync(join(image.dir, name), join(tree, directory, name));
  }
  symlinkSync(imageJson.version, join(tree, "k3os/system/current"));
  const menu = grubMenu({ directory, label, arguments: imageJson.kernel.arguments });
  writeFileSync(join(tree, "boot/grub/grub.cfg"), menu);

  const env = { SOURCE_DATE_EPOCH: `${imageJson.time}`, TZ: "UTC", MTOOLS_SKIP_CHECK: "1" };
  const run = async (argv: readonly string[]) => {
    const tool = tools.command(argv);
    await work.command(tool.argv, { env: { ...tool.env, ...env } });
  };
  const findMedium = join(work.scratch, "find.cfg");
  writeFileSync(findMedium, `search --no-floppy --label ${label} --set=root\nset prefix=($root)/boot/grub\n`);
  const grubImage = (format: string, file: string, modules: readonly string[]) =>
    run([
      "grub-mkimage",
      "--format",
      format,
      "--directory",
      tools.path(`usr/lib/grub/${format.replace("-eltorito", "")}`),
      "--prefix",
      "/boot/grub",
      "--config",
      findMedium,
      "--output",
      file,
      ...commonModules,
      ...modules,
    ]);

  await grubImage("i386-pc-eltorito", join(tree, "boot/grub/bios.img"), ["biosdisk"]);
  const loader = join(work.scratch, "BOOTX64.EFI");
  await grubImage("x86_64-efi", loader, ["fat", "efi_gop", "efi_uga"]);
  const efi = join(work.scratch, "efi.img");
  const sectors = Math.ceil((statSync(loader).size + (256 << 10)) / 32768) * 64;
  await run([
    "mformat",
    "-C",
    "-i",
    efi,
    "-T",
    `${sectors}`,
    "-h",
    "2",
    "-s",
    "32",
    "-N",
    "6b336f73",
    "-v",
    "K3OS_EFI",
    "::",
  ]);
  await run(["mmd", "-i", efi, "::EFI", "::EFI/BOOT"]);
  await run(["mcopy", "-i", efi, loader, "::EFI/BOOT/BOOTX64.EFI"]);

  const file = join(work.out, "k3os.iso");
  const stamp = `${new Date(imageJson.time * 1000).toISOString().replace(/[^\d]/g, "").slice(0, 14)}00`;
  await run([
    "xorriso",
    "-as",
    "mkisofs",
    "-r",
    "-V",
    label,
    `--modification-date=${stamp}`,
    "--set_all_file_dates",
    stamp,
    "-b",
    "boot/grub/bios.img",
    "-no-emul-boot",
    "-boot-load-size",
    "4",
    "-boot-info-table",
    "--grub2-boot-info",
    "--grub2-mbr",
    tools.path("usr/lib/grub/i386-pc/boot_hybrid.img"),
    "-partition_offset",
    "16",
    "-append_partition",
    "2",
    "0xef",
    efi,
    "-appended_part_as_gpt",
    "-iso_mbr_part_type",
    "0x83",
    "-eltorito-alt-boot",
    "-e",
    "--interval:appended_partition_2:all::",
    "-no-emul-boot",
    "-o",
    file,
    tree,
  ]);
  return megabytes(statSync(file).size);
}
