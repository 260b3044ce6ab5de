import { describe, expect, it } from "vitest";
import type { MemoryHost } from "../../host/memory.ts";
import { silent } from "../../progress.ts";
import { readSlots } from "../slots/slots.ts";
import { findCandidates } from "./candidates.ts";
import { readContents } from "./contents.ts";
import { imageToInstall } from "./image.ts";
import { checkConfig } from "./node-config.ts";
import { type InstallPlan, makePlan } from "./plan.ts";
import { selectDisk } from "./select.ts";
import { IMAGE_ON_MEDIUM, imageJson, installerMachine as machine } from "./testing.ts";
import { writePlan } from "./write.ts";

/** The disk of the machine as it is when nothing is mounted. */
const DISK = { esp: "/disk/esp", state: "/disk/state" };

async function planFor(host: MemoryHost, settings = {}): Promise<InstallPlan> {
  const disk = selectDisk("only", await findCandidates(host), {});
  const image = await imageToInstall(host, {}, silent);
  const config = checkConfig("hostname: a\nk3os: { token: t }\n", "config.yaml");
  return makePlan({ disk, contents: await readContents(host, disk), image, config }, settings);
}

describe("writePlan", () => {
  it("leaves a disk with the whole image in slot a, and its config for root only", async () => {
    const host = machine();
    await writePlan(host, await planFor(host, { tty: "ttyS1", debug: true }), silent);
    const system = "/disk/state/k3os/system";
    const { good, records } = readSlots(host, DISK);
    expect({ good, records }).toMatchObject({ good: "a", records: { a: { version: "1.0" } } });
    expect(host.list(`/disk/state${records.a?.system}`)).toEqual(["image.json", "root.squashfs"]);
    expect(host.list("/disk/esp/K3OS/A")).toEqual(["INITRD", "SLOT.CFG", "VMLINUZ"]);
    expect(host.readText(`${system}/config.yaml`)).toContain("token: t");
    expect(host.stat(`${system}/config.yaml`)?.mode).toBe(0o600);
    expect(`/k3os/system/${host.readLink(`${system}/current`)}`).toBe(records.a?.system);
    expect(host.readText("/disk/state/k3os/filled")).toBe("4096\n");
    expect(host.readText("/disk/esp/K3OS/MACHINE.CFG")).toBe(
      'set machine="console=ttyS1 k3os.debug ignore_loglevel"\n',
    );
    expect(host.readText("/disk/esp/EFI/BOOT/BOOTX64.EFI")).toBe("shim");
    expect(host.readText("/disk/esp/EFI/BOOT/grubx64.efi")).toBe("grub");
  });

  it("takes the old loader away first, and writes the first sector last", async () => {
    const host = machine({ on: { partitions: { 1: 10 } } });
    await writePlan(host, await planFor(host), silent);
    const changes = host.ran
      .filter(([program = ""]) => ["wipefs", "dd", "sfdisk", "mkdosfs", "mkfs.ext4", "cp"].includes(program))
      .map(([program, ...args]) =>
        [program, program === "dd" ? args.find((arg) => /^(seek|if)/.test(arg)) : args.at(-1)].join(" "),
      );
    expect(changes).toEqual([
      "wipefs /dev/vda1",
      "wipefs /dev/vda",
      "dd if=/dev/zero",
      "sfdisk /dev/vda",
      "mkdosfs /dev/vda2",
      "mkfs.ext4 /dev/vda3",
      ...["root.squashfs", "image.json"].map((name) =>
        expect.stringMatching(`^cp .*/state/k3os/system/1.0-.*/${name}$`),
      ),
      ...["VMLINUZ", "INITRD"].map((name) => `cp /run/k3os/install/esp/K3OS/A/${name}`),
      "cp /run/k3os/install/esp/EFI/BOOT/BOOTX64.EFI.new",
      "cp /run/k3os/install/esp/EFI/BOOT/grubx64.efi.new",
      "dd seek=2048",
      "dd seek=0",
    ]);
  });

  it("makes nothing bootable when what was written reads back differently", async () => {
    const host = machine();
    const plan = await planFor(host);
    host.write(`${IMAGE_ON_MEDIUM}/root.squashfs`, "toor");
    await expect(writePlan(host, plan, silent)).rejects.toMatchObject({
      message: expect.stringContaining("root.squashfs is damaged: expected sha256 sum:root, got sum:toor"),
      hint: expect.stringMatching(
        /^The disk, its cable.*\n\/dev\/vda boots nothing now; the installer starts over when it is run again\.$/,
      ),
    });
    expect(host.stat("/disk/state/k3os/system/current")).toBeUndefined();
    expect(host.ran.at(-1)?.[0]).toBe("umount");
    expect(host.stat("/disk/esp/EFI")).toBeUndefined();
  });

  it("refuses an image without a loader before it changes anything", async () => {
    const host = machine();
    const plan = await planFor(host);
    host.remove("/loader/core.img");
    await expect(writePlan(host, plan, silent)).rejects.toThrow("it has no /usr/lib/k3os/loader/core.img");
    expect(host.ran.map(([program]) => program)).not.toContain("wipefs");
  });

  it("refuses a disk that somebody has begun to use meanwhile, or that is another one now", async () => {
    const host = machine();
    const plan = await planFor(host);
    const before = host.ran.length;
    const looks = ["blkid", "blkid"];
    host.write("/sys/block/vda/serial", "another");
    await expect(writePlan(host, plan, silent)).rejects.toThrow("/dev/vda is another disk now");
    host.write("/proc/mounts", "/dev/vda /mnt ext4 rw 0 0\n");
    await expect(writePlan(host, plan, silent)).rejects.toThrow(
      "/dev/vda cannot be used any more: /dev/vda is mounted at /mnt",
    );
    expect(host.ran.slice(before).map(([program]) => program)).toEqual(looks);
  });
});

describe("writePlan with no_format", () => {
  const state = "/disk/state/k3os";
  /** A disk as 0.30 left it: the kernel on the state partition. */
  const old = {
    [`${state}/system/0.30.0/vmlinuz`]: "old kernel",
    [`${state}/system/config.yaml`]: "hostname: old\n",
    [`${state}/data/var/precious`]: "data",
    "/disk/state/boot/grub/arguments.cfg": 'set machine="console=ttyS1"\n',
  };
  const again = async (host: MemoryHost, version: string) => {
    host.write(`${IMAGE_ON_MEDIUM}/image.json`, imageJson(version));
    const plan = await planFor(host, { no_format: true });
    await writePlan(host, { ...plan, config: undefined }, silent);
  };
  const oldDisk = () => {
    const host = machine({ on: { partitions: { 1: 0.001, 2: 0.27, 3: 19 } }, existing: old });
    host.symlink("0.30.0", `${state}/system/current`);
    return host;
  };

  it("keeps data, config and the machine's arguments of a disk that 0.30 was installed on", async () => {
    const host = oldDisk();
    await again(host, "1.0");
    expect(readSlots(host, DISK)).toMatchObject({ good: "a", records: { a: { version: "1.0" } } });
    expect(host.readText(`${state}/system/config.yaml`)).toBe("hostname: old\n");
    expect(host.readText(`${state}/data/var/precious`)).toBe("data");
    expect(host.readText("/disk/esp/K3OS/MACHINE.CFG")).toBe('set machine="console=ttyS1"\n');
    expect(host.ran.map(([program]) => program)).not.toContain("sfdisk");
  });

  it("keeps the system before in its slot", async () => {
    const host = oldDisk();
    await again(host, "1.0");
    await again(host, "1.1");
    const { good, records } = readSlots(host, DISK);
    expect({ good, records }).toMatchObject({ good: "b", records: { a: { version: "1.0" }, b: { version: "1.1" } } });
    expect(`/k3os/system/${host.readLink(`${state}/system/current`)}`).toBe(records.b?.system);
  });

  it("refuses a disk without an installation", async () => {
    const host = machine();
    await expect(writePlan(host, await planFor(host, { no_format: true }), silent)).rejects.toThrow(
      "/dev/vda has no installation of this k3OS whose data could be kept",
    );
  });
});
