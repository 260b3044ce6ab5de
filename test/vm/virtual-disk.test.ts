import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type BuiltImage, buildDisk, type DiskFormat } from "../../src/build/index.ts";
import { runCommand } from "../../src/process/run.ts";
import type { Bus } from "../../src/vm/disk.ts";
import { type Disk, type Firmware, lateTimer } from "../../src/vm/qemu.ts";
import { eventually } from "./support/eventually.ts";
import { useMachine } from "./support/machine.ts";

const config = "write_files: [{ path: /etc/baked, content: by the config on the disk }]\n";
const directory = mkdtempSync(join(tmpdir(), "k3os-virtual-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A machine as a hypervisor would make it for the disk; what it writes goes into a layer of its own over the file. */
interface Kind {
  readonly format: DiskFormat;
  /** The disk that a hypervisor takes from the medium, and its format as QEMU names it. */
  readonly disk: (medium: string) => Promise<{ readonly file: string; readonly format: "vmdk" | "vpc" | "vdi" }>;
  readonly bus: Bus;
  readonly firmware: Firmware;
  readonly nic?: string;
  readonly until?: "ready";
}

function useVirtualDisk({ format, disk, bus, firmware, nic, until }: Kind) {
  return useMachine({
    name: `test-virtual-${format}`,
    boot: async () => ({ kind: "disk", firmware }),
    hardware: async (image) => {
      const { dir } = await buildDisk(format, { arguments: [lateTimer], config });
      const overlay = await layerOver(image, await disk(join(dir, `k3os.${format}`)), format);
      return { disks: [{ ...overlay, bus, bootIndex: 1 }], nics: [nic === undefined ? {} : { model: nic }] };
    },
    until: until ?? "powered on",
  });
}

async function layerOver(
  { tools }: BuiltImage,
  base: { readonly file: string; readonly format: string },
  name: string,
): Promise<Disk> {
  const file = join(directory, `${name}.qcow2`);
  const create = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", base.format, "-b", base.file, file];
  const { argv, env } = tools.command(create);
  await runCommand(argv, { env });
  return { file, format: "qcow2" };
}

/** The disk inside the archive, after the sums of all that is in it were compared. */
async function unpackOva(file: string): Promise<string> {
  await runCommand(["tar", "-xf", file, "-C", directory]);
  const sums = readFileSync(join(directory, "k3os.mf"), "utf8").trim().split("\n");
  for (const line of sums) {
    const [, name = "", sum] = /^SHA256\((.+)\)= (\w+)$/.exec(line) ?? [];
    const bytes = readFileSync(join(directory, name));
    expect({ name, sum: createHash("sha256").update(bytes).digest("hex") }).toEqual({ name, sum });
  }
  expect(sums).toHaveLength(2);
  return join(directory, "k3os.vmdk");
}

/** Root, state and config lie on that disk, and the state fills it: 16 GiB. */
const expectNode = (node: ReturnType<typeof useMachine>, device: string) => {
  it("boots from the disk, and fills it", async () => {
    const state = "awk '$2 == \"/run/k3os/state\" { print $1, $3 }' /proc/mounts";
    await eventually(async () => expect(await node.node(state)).toBe(`${device} ext4\n`), 200);
    expect(await node.node("cat /run/k3os/mode")).toBe("local\n");
    expect(await node.node("cat /sys/block/loop0/loop/backing_file")).toMatch(
      /^\S*\/k3os\/system\/\S+\/root\.squashfs\n$/,
    );
    await eventually(async () =>
      expect(Number(await node.node("df -m /var | awk 'END { print $2 }'"))).toBeGreaterThan(15_500),
    );
  });

  it("is configured by the file on it, which only root reads", async () => {
    await eventually(async () => expect(await node.node("cat /etc/baked")).toBe("by the config on the disk"));
    expect(await node.node("stat -c %a /k3os/system/config.yaml")).toBe("600\n");
    expect(await node.node("sudo cat /k3os/system/config.yaml")).toBe(config);
  });
};

describe("the VMDK at VMware's SCSI controller, under BIOS", () => {
  const disk = async (file: string) => ({ file, format: "vmdk" as const });
  const node = useVirtualDisk({ format: "vmdk", disk, bus: "pvscsi", firmware: "bios", nic: "vmxnet3" });
  expectNode(node, "/dev/sda3");
});

describe("the OVA, with the hardware that its descriptor names, under UEFI", () => {
  const disk = async (file: string) => ({ file: await unpackOva(file), format: "vmdk" as const });
  const hardware = { bus: "sata", firmware: "uefi", nic: "vmxnet3" } as const;
  const node = useVirtualDisk({ format: "ova", disk, ...hardware, until: "ready" });
  expectNode(node, "/dev/sda3");

  it("is a Ready node", async () => {
    const name = "test-virtual-ova";
    const condition = "jsonpath={.status.conditions[?(@.type=='Ready')].status}";
    expect(await node.kubectl("get", "node", name, "-o", condition)).toBe("True");
  });
});

describe("the VHD under BIOS, as Hyper-V's first generation boots", () => {
  const disk = async (file: string) => ({ file, format: "vpc" as const });
  expectNode(useVirtualDisk({ format: "vhd", disk, bus: "sata", firmware: "bios" }), "/dev/sda3");
});

describe("the VDI under UEFI", () => {
  const disk = async (file: string) => ({ file, format: "vdi" as const });
  expectNode(useVirtualDisk({ format: "vdi", disk, bus: "sata", firmware: "uefi" }), "/dev/sda3");
});
