import { describe, expect, it } from "vitest";
import { ESP, espEntries, PARTITIONS, partitionDevice, partitionScript, STATE, stateEntries } from "./disk.ts";

const image = { version: "1.2.3", kernel: { release: "6.12", arguments: ["mitigations=off", "nosmt"] } };

describe("partitions", () => {
  it("lie one after the other, and the last takes what is left", () => {
    for (const [index, partition] of PARTITIONS.slice(1).entries()) {
      const before = PARTITIONS[index];
      expect(partition.startMiB).toBe((before?.startMiB ?? 0) + (before?.sizeMiB ?? 0));
    }
    expect(STATE.sizeMiB).toBeUndefined();
  });

  it("have an ESP that UEFI takes for FAT32, whatever the sectors are, and busybox too", () => {
    const size = (ESP.sizeMiB ?? 0) << 20;
    expect(size).toBeLessThan(260 << 20);
    for (const sector of [512, 4096]) {
      const sectors = size / sector;
      const tables = 2 * Math.ceil((sectors * 4) / sector);
      expect(sectors - 32 - tables).toBeGreaterThanOrEqual(65_525);
    }
  });

  it("make a script for sfdisk that holds for any size of sectors", () => {
    const [label, ...lines] = partitionScript().trim().split("\n");
    expect(label).toBe("label: gpt");
    expect(lines).toEqual([
      'start=1MiB, size=1MiB, type=21686148-6449-6E6F-744E-656564454649, name="K3OS_BIOS"',
      'start=2MiB, size=258MiB, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name="K3OS_GRUB"',
      'start=260MiB, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name="K3OS_STATE"',
    ]);
  });

  it("get the identities that are asked for", () => {
    const script = partitionScript({ disk: "D", partitions: { 1: "A", 2: "B", 3: "C" } });
    expect(script).toMatch(/label-id: D\n.*uuid=A\n.*uuid=B\n.*uuid=C\n$/s);
  });

  it.each([
    ["/dev/sda", "/dev/sda2"],
    ["/dev/vdb", "/dev/vdb2"],
    ["/dev/nvme0n1", "/dev/nvme0n1p2"],
    ["/dev/mmcblk0", "/dev/mmcblk0p2"],
  ])("of %s are devices such as %s", (disk, want) => expect(partitionDevice(disk, ESP.number)).toBe(want));
});

describe("a state partition", () => {
  it("has a config that only root reads, and is complete with its last entry", () => {
    const entries = stateEntries({ image, config: "hostname: a\n", arguments: ["console=ttyS1"] });
    expect(entries).toContainEqual({ path: "/k3os/system/config.yaml", text: "hostname: a\n", mode: 0o600 });
    expect(entries).toContainEqual({ path: "/boot/grub/arguments.cfg", text: 'set machine="console=ttyS1"\n' });
    expect(entries).toContainEqual({
      path: "/k3os/system/1.2.3/boot.cfg",
      text: 'set arguments="mitigations=off nosmt"\n',
    });
    expect(entries.at(-1)).toEqual({ path: "/k3os/system/current", target: "1.2.3" });
  });

  it("has no file for what nobody said", () => {
    const paths = stateEntries({ image }).map(({ path }) => path);
    expect(paths).toEqual(["/k3os/system/1.2.3/boot.cfg", "/boot/grub/grub.cfg", "/k3os/system/current"]);
  });
});

it("the ESP hands over to the menu of the state partition", () => {
  expect(espEntries()).toEqual([
    { path: "/EFI/debian/grub.cfg", text: expect.stringContaining(`($disk,gpt${STATE.number})/boot/grub/grub.cfg`) },
  ]);
});
