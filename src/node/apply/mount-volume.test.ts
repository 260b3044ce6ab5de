import { describe, expect, it } from "vitest";
import { type MemoryHost, type MemoryHostOptions, memoryHost } from "../../host/memory.ts";
import { isMounted } from "../mounts.ts";
import { mountVolume } from "./mount-volume.ts";

const step = { phase: "boot", kind: "mount", device: "LABEL=data", path: "/var/data", format: false } as const;

function machine(programs: MemoryHostOptions["programs"] = {}, mounts = ""): MemoryHost {
  return memoryHost({
    files: { "/proc/mounts": `/dev/loop0 / squashfs ro 0 0\n${mounts}`, "/dev/vdb": "" },
    programs: { mount: () => ({}), "mkfs.ext4": () => ({}), findfs: () => ({ stdout: "/dev/vdc\n" }), ...programs },
  });
}

const ran = (host: MemoryHost) => host.ran.map((argv) => argv.join(" "));

describe("a volume", () => {
  it("is found by its label and mounted", async () => {
    const host = machine();
    await mountVolume(host, { ...step, type: "ext4", options: "noatime" });
    expect(ran(host)).toEqual(["findfs LABEL=data", "mount -t ext4 -o noatime /dev/vdc /var/data"]);
    expect(host.stat("/var/data")?.type).toBe("directory");
  });

  it("gets a writable place for its mount point below /mnt, once", async () => {
    const host = machine();
    await mountVolume(host, { ...step, device: "/dev/vdb", path: "/mnt/data" });
    expect(ran(host)).toEqual([
      "mount -t tmpfs -o mode=755,size=1m,nosuid,nodev k3os /mnt",
      "mount /dev/vdb /mnt/data",
    ]);
    const again = machine({}, "k3os /mnt tmpfs rw 0 0\n");
    await mountVolume(again, { ...step, device: "/dev/vdb", path: "/mnt/other" });
    expect(ran(again)).toEqual(["mount /dev/vdb /mnt/other"]);
    const itself = machine();
    await mountVolume(itself, { ...step, device: "/dev/vdb", path: "/mnt" });
    expect(ran(itself)).toEqual(["mount /dev/vdb /mnt"]);
  });

  it("is awaited, but not for ever", async () => {
    let tries = 0;
    const late = machine({ findfs: () => (++tries < 5 ? { status: 1 } : { stdout: "/dev/vdc\n" }) });
    await mountVolume(late, step);
    expect(ran(late).at(-1)).toBe("mount /dev/vdc /var/data");
    const never = machine({ findfs: () => ({ status: 1 }) });
    await expect(mountVolume(never, step)).rejects.toThrow("there is no device LABEL=data after 10 s");
    expect(never.monotonic()).toBe(10_000);
    await expect(mountVolume(machine(), { ...step, device: "/dev/vdz" })).rejects.toThrow("no device /dev/vdz");
  });

  const blkid = (status: number) => machine({ blkid: () => ({ status }) });
  const wanted = { ...step, device: "/dev/vdb", format: true };

  it("gets a file system if it is empty, and only then", async () => {
    const empty = blkid(2);
    await mountVolume(empty, wanted);
    expect(ran(empty)).toEqual(["blkid --probe /dev/vdb", "mkfs.ext4 -q /dev/vdb", "mount /dev/vdb /var/data"]);
    const full = blkid(0);
    await mountVolume(full, wanted);
    expect(ran(full)).toEqual(["blkid --probe /dev/vdb", "mount /dev/vdb /var/data"]);
  });

  it("is left alone when nobody can tell what is on it", async () => {
    const host = blkid(8);
    await expect(mountVolume(host, wanted)).rejects.toThrow("the content of /dev/vdb cannot be read");
    expect(ran(host)).toEqual(["blkid --probe /dev/vdb"]);
  });
});

it("a path with a space is known for mounted", () => {
  const host = machine({}, "/dev/vdb /mnt/my\\040data ext4 rw 0 0\n");
  expect(isMounted(host, "/mnt/my data")).toBe(true);
  expect(isMounted(host, "/mnt/my")).toBe(false);
});
