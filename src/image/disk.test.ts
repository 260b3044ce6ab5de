import { describe, expect, it } from "vitest";
import {
  ESP,
  espEntries,
  menuEntries,
  PARTITIONS,
  partitionDevice,
  partitionScript,
  STATE,
  slotRecord,
  stateEntries,
} from "./disk.ts";
import { diskMenu, formatSlotRecord, parseSlotRecord } from "./grub.ts";

const image = {
  version: "1.2.3",
  architecture: "arm64",
  kernel: { release: "6.12", arguments: ["mitigations=off", "nosmt"] },
} as const;

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

const record = slotRecord(image, "sha256:0123456789abcdef");

describe("a state partition", () => {
  it("has a config that only root reads, and a link to the system that runs", () => {
    expect(stateEntries(record, "hostname: a\n")).toEqual([
      { path: "/k3os/system/config.yaml", text: "hostname: a\n", mode: 0o600 },
      { path: "/k3os/system/current", target: "1.2.3-01234567" },
    ]);
  });

  it("has no file for what nobody said", () => {
    expect(stateEntries(record, undefined).map(({ path }) => path)).toEqual(["/k3os/system/current"]);
  });
});

describe("an ESP", () => {
  it("has all that GRUB reads, and a slot that counts with its last entry", () => {
    const entries = espEntries("amd64", record, ["console=ttyS1"]);
    expect(entries.map(({ path }) => path)).toEqual([
      "/K3OS/MACHINE.CFG",
      "/K3OS/GRUB.CFG",
      "/EFI/debian/grub.cfg",
      "/K3OS/ENV",
      "/K3OS/A/SLOT.CFG",
    ]);
    expect(entries[0]).toMatchObject({ text: 'set machine="console=ttyS1"\n' });
  });

  it("has no arguments of the machine where there are none, and keeps those that a disk has", () => {
    expect(espEntries("amd64", record).map(({ path }) => path)).not.toContain("/K3OS/MACHINE.CFG");
    expect(menuEntries("amd64", [], "set machine=x\n")[0]).toEqual({
      path: "/K3OS/MACHINE.CFG",
      text: "set machine=x\n",
    });
  });
});

describe("the record of a slot", () => {
  it("has what the menu asks of it, which may be newer or older than the slot", () => {
    // As the first disks with slots have it. A menu that needs more of it does not boot the version before.
    const first =
      'set version="0.31.0"\nset digest="sha256:01"\nset system="/k3os/system/0.31.0-01"\nset arguments="a"\n';
    const [, look = ""] = /function look \{\n([^}]*)\}/.exec(diskMenu("amd64")) ?? [];
    const asked = [...look.matchAll(/set (\w+)=$/gm)].map(([, name]) => name);
    expect(asked).toEqual(["version", "system", "arguments"]);
    // The usual consoles, unless the record names others.
    expect(look).toMatch(/set consoles="console=tty0 console=ttyS0,115200"\n.*source/s);
    for (const text of [first, formatSlotRecord(record)])
      expect([...text.matchAll(/^set (\w+)=/gm)].map(([, name]) => name)).toEqual(expect.arrayContaining(asked));
    expect(parseSlotRecord(first)).toMatchObject({ version: "0.31.0", system: "/k3os/system/0.31.0-01" });
  });

  it("is read as it was written, and is nothing if it was torn", () => {
    const text = formatSlotRecord(record);
    expect(parseSlotRecord(text)).toEqual(record);
    expect(record).toEqual({
      version: "1.2.3",
      digest: "sha256:0123456789abcdef",
      system: "/k3os/system/1.2.3-01234567",
      arguments: ["mitigations=off", "nosmt"],
    });
    expect(parseSlotRecord(text.slice(0, 40))).toBeUndefined();
  });

  it("names the consoles of an image that has others than the usual ones", () => {
    const named = { ...image, kernel: { ...image.kernel, serial: ["ttyS1"] } };
    const text = formatSlotRecord(slotRecord(named, record.digest));
    expect(text).toContain('\nset consoles="console=tty0 console=ttyS1,115200"\n');
    expect(parseSlotRecord(text)).toEqual({ ...record, consoles: ["console=tty0", "console=ttyS1,115200"] });
    expect(formatSlotRecord(record)).not.toContain("consoles");
  });
});
