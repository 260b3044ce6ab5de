import { type MemoryHost, type MemoryHostOptions, memoryHost } from "../../host/memory.ts";
import { PARTITIONS } from "../../image/disk.ts";
import { diskPrograms } from "../testing.ts";

interface TestDisk {
  /** GB. */
  readonly size?: number;
  readonly facts?: Readonly<Record<string, string>>;
  /** Sizes in GB, by number. */
  readonly partitions?: Readonly<Record<number, number>>;
}

/** A machine with these disks in its /sys, for tests. */
export function machineWith(disks: Readonly<Record<string, TestDisk>>, options: MemoryHostOptions = {}): MemoryHost {
  const sectors = (gigabytes: number) => `${(gigabytes * 1e9) / 512}\n`;
  const files: Record<string, string | Uint8Array> = { "/proc/mounts": "", ...options.files };
  for (const [name, { size = 20, facts = {}, partitions = {} }] of Object.entries(disks)) {
    const at = `/sys/block/${name}`;
    files[`${at}/size`] = sectors(size);
    files[`${at}/ro`] = "0\n";
    files[`${at}/queue/logical_block_size`] = "512\n";
    for (const [file, text] of Object.entries(facts)) files[`${at}/${file}`] = text;
    for (const [number, gigabytes] of Object.entries(partitions)) {
      const part = `${name}${/\d$/.test(name) ? "p" : ""}${number}`;
      files[`${at}/${part}/partition`] = `${number}\n`;
      files[`${at}/${part}/size`] = sectors(gigabytes);
    }
  }
  // Disks are blank unless the test says otherwise.
  const programs = { blkid: () => ({ status: 2 }), ...options.programs };
  return memoryHost({ ...options, files, programs });
}

/** Where the image of a live system is. */
export const IMAGE_ON_MEDIUM = "/run/k3os/medium/k3os/system/current";
const files = { vmlinuz: "kernel", initrd: "initrd", "root.squashfs": "root" };
const json = (version: string) => ({
  format: 1,
  version,
  architecture: "amd64",
  flavour: "cloud",
  time: 1,
  kernel: { release: "6.12", arguments: [] },
  kubernetes: { source: "upstream" },
  lock: "l",
  packages: [],
  files: Object.fromEntries(
    Object.entries(files).map(([name, text]) => [name, { sha256: `sum:${text}`, size: text.length }]),
  ),
});
/** The text of `image.json` of that image. */
export const imageJson = (version: string) => JSON.stringify(json(version));

const loader = {
  "boot.img": new Uint8Array(512),
  "core.img": new Uint8Array(1024).fill(7),
  "shimx64.efi": "shim",
  "grubx64.efi": "grub",
};

/**
 * A machine whose programs change its files as the real ones would. Unmounted file systems keep their files in
 * `/disk/<label>`.
 */
export function installerMachine({
  on = {},
  version = "1.0",
  existing = {},
  failing = "",
  blkid = "",
}: {
  on?: object;
  version?: string;
  existing?: Record<string, string>;
  /** A program that ends with status 1. */
  failing?: string;
  /** What blkid prints, if there is anything on the disk. */
  blkid?: string;
} = {}) {
  const host: MemoryHost = machineWith(
    { vda: { facts: { serial: "target" }, ...on } },
    {
      files: {
        ...Object.fromEntries(Object.entries(files).map(([name, text]) => [`${IMAGE_ON_MEDIUM}/${name}`, text])),
        [`${IMAGE_ON_MEDIUM}/image.json`]: imageJson(version),
        ...Object.fromEntries(Object.entries(loader).map(([name, data]) => [`/loader/${name}`, data])),
        "/dev/vda": "",
        "/proc/100/stat": `100 (qjs) S ${"0 ".repeat(30)}\n`,
        ...existing,
      },
      programs: {
        ...diskPrograms(() => host),
        sfdisk: () => {
          for (const { number, startMiB } of PARTITIONS) {
            host.write(`/dev/vda${number}`, "");
            host.mkdir(`/sys/block/vda/vda${number}`);
            host.write(`/sys/block/vda/vda${number}/start`, `${startMiB * 2048}\n`);
            host.write(`/sys/block/vda/vda${number}/size`, "4096\n");
          }
          return {};
        },
        mount: (argv) => {
          const [source = "", target = ""] = argv.slice(-2);
          const content = { "/dev/vda2": "/disk/esp", "/dev/vda3": "/disk/state" }[source] ?? "/loader";
          host.mkdir(content);
          host.remove(target);
          if (content === "/loader") {
            host.mkdir(`${target}/usr/lib/k3os`);
            host.symlink("/loader", `${target}/usr/lib/k3os/loader`);
          } else host.symlink(content, target);
          return {};
        },
        umount: () => ({}),
        mkpasswd: () => ({ stdout: "$6$hashed\n" }),
        ln([, , target = "", path = ""]) {
          host.symlink(target, path);
          return {};
        },
        blkid: () => ({
          stdout:
            blkid !== ""
              ? blkid
              : Object.keys(existing).length > 0
                ? "DEVNAME=/dev/vda2\nLABEL=K3OS_GRUB\nTYPE=vfat\n\nDEVNAME=/dev/vda3\nLABEL=K3OS_STATE\nTYPE=ext4\n"
                : "",
        }),
        ...Object.fromEntries(
          [
            "openrc-shutdown",
            "wipefs",
            "mkdosfs",
            "mkfs.ext4",
            "modprobe",
            "e2fsck",
            ...(failing === "dd" ? ["dd"] : []),
          ].map((name) => [name, () => ({ status: name === failing ? 1 : 0 })]),
        ),
      },
    },
  );
  host.symlink("100", "/proc/self");
  return host;
}
