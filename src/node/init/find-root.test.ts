import { describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { bootArguments } from "./boot-arguments.ts";
import { findRoot } from "./find-root.ts";

describe("findRoot", () => {
  it("finds a virtio disk by its serial", async () => {
    const host = memoryHost({ programs: { modprobe: () => ({}) } });
    for (const [disk, serial] of [
      ["vda", "other"],
      ["vdb", "k3os-root"],
    ]) {
      host.mkdir(`/sys/block/${disk}`);
      host.write(`/sys/block/${disk}/serial`, `${serial}\n`);
    }
    const found = await findRoot(host, bootArguments("k3os.root=SERIAL=k3os-root"));
    expect(found.device).toBe("/dev/vdb");
  });

  it("waits for a volume that appears late, and loads the drivers of what came meanwhile", async () => {
    let asked = 0;
    const host = memoryHost({
      programs: { modprobe: () => ({}), findfs: () => (++asked < 4 ? { status: 1 } : { stdout: "/dev/sr0\n" }) },
    });
    host.mkdir("/sys/bus/usb/devices/1-1");
    host.write("/sys/bus/usb/devices/1-1/modalias", "usb:v1234\n");
    host.mkdir("/dev");
    host.write("/dev/kmsg", "");
    const found = await findRoot(host, bootArguments(""));
    expect(found).toEqual({
      device: "/dev/sr0",
      source: { kind: "label", label: "K3OS", path: "/k3os/system/current/root.squashfs" },
    });
    expect(host.ran.filter(([program]) => program === "modprobe")).toEqual([
      ["modprobe", "-a", "-q", "-b", "usb:v1234"],
    ]);
  });

  it("prefers a root inside the initrd when nothing is said", async () => {
    const host = memoryHost();
    host.write("/root.squashfs", "");
    expect(await findRoot(host, bootArguments(""))).toMatchObject({ device: undefined, source: { kind: "initrd" } });
  });

  it("gives up in the end and tells which disks there are", async () => {
    const host = memoryHost({ programs: { modprobe: () => ({}), findfs: () => ({ status: 1 }) } });
    host.mkdir("/sys/block/sda");
    host.mkdir("/sys/block/loop0");
    host.mkdir("/dev");
    host.write("/dev/kmsg", "");
    await expect(findRoot(host, bootArguments(""))).rejects.toMatchObject({
      message: "no volume labelled K3OS appeared within 60 seconds",
      hint: expect.stringContaining("Found: sda."),
    });
  });
});
