import { describe, expect, it } from "vitest";
import { BOOT_FIRMWARE } from "./boot-firmware.ts";
import { espLoaders } from "./disk.ts";
import { matcher } from "./glob.ts";
import { BOOT } from "./grub.ts";

describe("the firmware of a Raspberry Pi", () => {
  const { files, texts } = BOOT_FIRMWARE["raspberry-pi"];
  const has = (tree: "packages" | "kernel", path: string) =>
    files.some(({ from, path: pattern }) => from === tree && matcher([pattern])(path));

  it("starts a file that is there, as 64-bit code", () => {
    const settings = new Map(
      texts["config.txt"]
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("#"))
        .map((line) => line.split("=") as [string, string]),
    );
    expect(settings.get("arm_64bit")).toBe("1");
    expect(has("packages", `usr/lib/u-boot/rpi_arm64/${settings.get("kernel")}`)).toBe(true);
  });

  it.each(["bootcode.bin", "start.elf", "fixup.dat", "start4.elf", "fixup4.dat", "start_cd.elf", "fixup4cd.dat"])(
    "has %s",
    (name) => expect(has("packages", `usr/lib/raspi-firmware/${name}`)).toBe(true),
  );

  it("has the device trees of boards that Debian's kernel has drivers of", () => {
    const tree = (name: string) => has("kernel", `usr/lib/linux-image-6.12.1+deb13-arm64/broadcom/${name}.dtb`);
    const names = ["bcm2837-rpi-3-b", "bcm2837-rpi-3-b-plus", "bcm2837-rpi-zero-2-w", "bcm2711-rpi-4-b"];
    expect(names.filter(tree)).toEqual(names);
    expect(tree("bcm2712-rpi-5-b")).toBe(false);
  });

  it("has nothing of the names that UEFI, menu and slots have", () => {
    const ours = [BOOT, ...espLoaders("arm64").map(({ path }) => path)].map((path) => path.split("/")[1]);
    for (const { path } of files) expect(ours).not.toContain(path.split("/").at(-1));
  });
});
