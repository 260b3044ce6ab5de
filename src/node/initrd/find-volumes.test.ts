import { describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { bootArguments } from "./boot-arguments.ts";
import { findVolumes } from "./find-volumes.ts";

/** A machine with volumes of these tags. `appears` is the number of searches before a volume appears. */
function machine(volumes: Record<string, string>, { appears = 0, files = {} } = {}) {
  let asked = 0;
  const host = memoryHost({
    files: { "/dev/kmsg": "", ...files },
    programs: {
      modprobe: () => ({}),
      findfs: ([, tag = ""]) => {
        const device = volumes[tag];
        return device !== undefined && asked++ >= appears ? { stdout: `${device}\n` } : { status: 1 };
      },
    },
  });
  host.mkdir("/sys/block/sda");
  host.mkdir("/sys/block/loop0");
  return host;
}

const current = "/k3os/system/current/root.squashfs";
const url = "http://10.0.2.2/root.squashfs";

describe("findVolumes", () => {
  it("finds a virtio disk by its serial", async () => {
    const host = machine({}, { files: { "/sys/block/vda/serial": "other\n", "/sys/block/vdb/serial": "k3os-root\n" } });
    const found = await findVolumes(host, bootArguments("k3os.root=SERIAL=k3os-root"));
    expect(found).toMatchObject({ device: "/dev/vdb", mode: "live", state: undefined });
  });

  it("loads no driver of what can be no disk before it has looked for the volume", async () => {
    const virtio = (type: number) => `virtio:d0000000${type}v00001AF4\n`;
    const host = machine(
      { "LABEL=K3OS": "/dev/vda" },
      {
        files: {
          "/sys/bus/virtio/devices/virtio0/modalias": virtio(1),
          "/sys/bus/virtio/devices/virtio1/modalias": virtio(2),
          "/sys/bus/virtio/devices/virtio2/modalias": virtio(8),
        },
      },
    );
    await findVolumes(host, bootArguments(""));
    expect(host.ran[0]).toEqual(["modprobe", "-a", "-q", "-b", virtio(2).trim(), virtio(8).trim()]);
  });

  it("waits for a volume that appears late, and loads the drivers of what came meanwhile", async () => {
    const files = { "/sys/bus/usb/devices/1-1/modalias": "usb:v1234\n" };
    const host = machine({ "LABEL=K3OS": "/dev/sr0" }, { appears: 3, files });
    expect(await findVolumes(host, bootArguments(""))).toEqual({
      device: "/dev/sr0",
      root: { kind: "label", label: "K3OS", path: current },
      mode: "live",
      state: undefined,
    });
    expect(host.ran.filter(([program]) => program === "modprobe")).toEqual([
      ["modprobe", "-a", "-q", "-b", "usb:v1234"],
    ]);
  });

  it("looks for no volume when the root comes from a server", async () => {
    expect(await findVolumes(machine({}), bootArguments(`k3os.root=${url}`))).toEqual({
      device: undefined,
      root: { kind: "url", url },
      mode: "live",
      state: undefined,
    });
  });

  it("gives up in the end and tells which disks there are", async () => {
    await expect(findVolumes(machine({}), bootArguments(""))).rejects.toMatchObject({
      message: "no volume labelled K3OS appeared within 60 seconds",
      hint: expect.stringContaining("Found: sda."),
    });
  });

  it("takes root and state from the volume that the menu of a disk names", async () => {
    const host = machine({ "UUID=1-2": "/dev/sda3", "LABEL=K3OS_STATE": "/dev/sdb3" });
    expect(await findVolumes(host, bootArguments(`k3os.root=UUID=1-2:${current}`))).toEqual({
      device: "/dev/sda3",
      root: { kind: "uuid", uuid: "1-2", path: current },
      mode: "local",
      state: "/dev/sda3",
    });
  });

  it("finds the state by its label when only the mode is given", async () => {
    const host = machine({ "LABEL=K3OS_STATE": "/dev/sdb3" });
    expect(await findVolumes(host, bootArguments("k3os.mode=disk"))).toMatchObject({
      device: "/dev/sdb3",
      state: "/dev/sdb3",
      root: { label: "K3OS_STATE", path: current },
    });
  });

  it("boots the root that the network brought, with the state of the disk", async () => {
    const host = machine({ "LABEL=K3OS_STATE": "/dev/sdb3" });
    expect(await findVolumes(host, bootArguments(`k3os.root=${url} k3os.fallback_mode=install`))).toMatchObject({
      mode: "local",
      root: { kind: "url" },
      state: "/dev/sdb3",
    });
  });

  it("falls back where there is no state, but not at once", async () => {
    const host = machine({});
    expect(await findVolumes(host, bootArguments(`k3os.root=${url} k3os.fallback_mode=install`))).toMatchObject({
      mode: "install",
      root: { kind: "url" },
      state: undefined,
    });
    expect(host.monotonic()).toBeGreaterThanOrEqual(30_000);
  });

  it("leaves the state alone when it is told to be live", async () => {
    const host = machine({ "LABEL=K3OS_STATE": "/dev/sdb3" });
    expect(await findVolumes(host, bootArguments(`k3os.root=${url} k3os.mode=live`))).toMatchObject({
      mode: "live",
      state: undefined,
    });
  });
});
