import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { runCommand } from "../../src/process/run.ts";
import type { Disk } from "../../src/vm/qemu.ts";
import { eventually } from "./support/eventually.ts";
import { testImage, writeTestImage } from "./support/images.ts";
import { useMachine } from "./support/machine.ts";

const directory = mkdtempSync(join(tmpdir(), "k3os-volumes-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** An empty disk, which the guest knows as the next of its virtio disks. */
function emptyDisk(name: string): Disk {
  const file = join(directory, `${name}.raw`);
  writeFileSync(file, "");
  truncateSync(file, 1024 ** 3);
  return { file, format: "raw", serial: name };
}

const disks = [emptyDisk("cluster"), emptyDisk("data")];

// vda and vdb are the root and what `up` hands over.
const node = useMachine({
  name: "test-volumes",
  config: `
k3os:
  mounts:
    - { device: /dev/vdc, path: /var/lib/rancher/k3s, format: true }
    - { device: /dev/vdd, path: "/mnt/data", format: true }
`,
  boot: async ({ dir }) => ({ kind: "image", dir }),
  hardware: async () => ({ disks }),
});

describe("volumes that k3os.mounts mounts", { timeout: 400_000 }, () => {
  it("hold the cluster and the data of a pod that writes", async () => {
    const archive = join(directory, "image.tar");
    writeTestImage(node.machine.tools, archive);
    const loaded = await node.k3os(["image", "load", "--name", "test-volumes", archive]);
    expect(loaded).toMatchObject({ status: 0 });
    const container = {
      name: "one",
      image: testImage,
      imagePullPolicy: "Never",
      command: ["/bin/sh", "-c", "exec >>/data/log; while true; do echo line; sleep 0.1; done"],
      volumeMounts: [{ name: "data", mountPath: "/data" }],
    };
    const spec = { containers: [container], volumes: [{ name: "data", hostPath: { path: "/mnt/data" } }] };
    // A new cluster has its service accounts a moment after its node is Ready.
    await eventually(() => node.apply({ apiVersion: "v1", kind: "Pod", metadata: { name: "writer" }, spec }));
    await node.kubectl("wait", "--for=condition=Ready", "pod/writer", "--timeout=200s");
    expect(await node.node("findmnt -no SOURCE -T /mnt/data/log")).toBe("/dev/vdd\n");
    expect(await node.node("sudo findmnt -no SOURCE -T /var/lib/rancher/k3s/server/db")).toBe("/dev/vdc\n");
  });

  it("are unmounted when the machine is switched off: nothing is left in their journals", async () => {
    expect(await node.machine.stop({ graceMs: 90_000 })).toBe(true);
    for (const { file } of disks) {
      const { argv, env } = node.machine.tools.command(["dumpe2fs", "-h", file]);
      const superblock = await runCommand(argv, { env });
      expect(superblock).toMatch(/^Filesystem state: +clean$/m);
      expect(superblock).not.toContain("needs_recovery");
    }
    expect(node.machine.serial.text()).not.toMatch(/target is busy|not unmounted/);
  });
});
