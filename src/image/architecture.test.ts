import { describe, expect, it } from "vitest";
import { ARCHITECTURE_NAMES, ARCHITECTURES } from "./architecture.ts";
import { espLoaders, loaderFiles, menuEntries } from "./disk.ts";
import { diskMenu, grubMenu } from "./grub.ts";
import { ipxeScript } from "./ipxe.ts";

const medium = { directory: "/k3os/system/1.0", label: "K3OS", arguments: [] };

describe("architectures", () => {
  it("are what the table says, and differ in everything that tells them apart", () => {
    const rows = ARCHITECTURE_NAMES.map((name) => ARCHITECTURES[name]);
    for (const field of ["debian", "triple", "loader", "elfMachine", "go", "serialConsole"] as const)
      expect(new Set(rows.map((row) => row[field])).size, field).toBe(rows.length);
    expect(ARCHITECTURE_NAMES).toEqual(rows.map(({ debian }) => debian));
  });

  it("have the names that firmware looks for (UEFI specification, 3.5.1.1)", () => {
    expect(espLoaders("amd64").map(({ path }) => path)).toEqual(["/EFI/BOOT/BOOTX64.EFI", "/EFI/BOOT/grubx64.efi"]);
    expect(espLoaders("arm64").map(({ path }) => path)).toEqual(["/EFI/BOOT/BOOTAA64.EFI", "/EFI/BOOT/grubaa64.efi"]);
  });

  it("have a loader for BIOS only where there is one", () => {
    expect(loaderFiles("amd64")).toEqual(["boot.img", "core.img", "shimx64.efi", "grubx64.efi"]);
    expect(loaderFiles("arm64")).toEqual(["shimaa64.efi", "grubaa64.efi"]);
  });
});

describe("the boot menus of arm64", () => {
  const menus = [diskMenu("arm64"), grubMenu("arm64", medium)];

  it("start Linux as UEFI does, with its own serial port", () => {
    for (const menu of menus) {
      expect(menu).toContain("set linux=linux\nset initrd=initrd\n");
      expect(menu).not.toContain("linux16");
      expect(menu).not.toContain("serial --unit");
      expect(menu).toContain("console=tty0 console=ttyAMA0,115200");
    }
    expect(ipxeScript("arm64", "initrd-netboot", { arguments: [] })).toContain(" console=ttyAMA0,115200 ");
  });

  it("have the serial ports that an image names in the place of that one", () => {
    const named = { arguments: [], serial: ["ttyS1", "ttyS0"] };
    const want = " console=tty0 console=ttyS1,115200 console=ttyS0,115200 ";
    expect(grubMenu("arm64", { ...medium, ...named })).toContain(want);
    expect(ipxeScript("arm64", "initrd-netboot", named)).toContain(want);
  });

  it("are those of amd64 but for that", () => {
    const alike = (menu: string) => menu.slice(menu.indexOf("set esp=")).replaceAll("ttyAMA0", "ttyS0");
    expect(alike(diskMenu("arm64"))).toBe(alike(diskMenu("amd64")));
    expect(menuEntries("arm64", []).map(({ path }) => path)).toEqual(menuEntries("amd64", []).map(({ path }) => path));
  });
});
