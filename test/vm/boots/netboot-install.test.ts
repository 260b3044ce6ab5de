import { closeSync, copyFileSync, openSync, readFileSync, realpathSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { emptyDisk } from "../support/disks.ts";
import { tool } from "../support/image.ts";
import { useMachine } from "../support/machine.ts";
import { useNetboot } from "../support/netboot.ts";

describe("a root that was tampered with", () => {
  const node = useMachine("test-netboot-bad");
  const serveSet = useNetboot(node);

  it("is refused, and the machine says that it tries again", { timeout: 600_000 }, async () => {
    const { directory, boot } = await serveSet();
    tamper(join(directory, "root.squashfs"));
    const { serial } = await node.start({ boot });
    await serial.expect(
      /root\.squashfs is not the root of this initrd: expected sha256 [0-9a-f]{64}, got [0-9a-f]{64}/,
      { timeoutMs: 240_000 },
    );
    await serial.expect("this machine restarts in 60 seconds. Press Enter for a rescue shell.");
    await serial.send("\r");
    await serial.expect("this is a rescue shell");
  });
});

describe("a machine without a system on its disk", { timeout: 600_000 }, () => {
  const node = useMachine("test-netboot-install");
  const serveSet = useNetboot(node);

  it("installs itself from the server that it boots from, if the image has the right signature", async () => {
    const key = join(node.directory, "key");
    await tool("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key);
    const image_key = readFileSync(`${key}.pub`, "utf8").trim();
    const config = JSON.stringify({ k3os: { install: { silent: true, device: "only", power_off: true, image_key } } });
    const { directory, boot } = await serveSet(["k3os.fallback_mode=install"]);
    await tool("ssh-keygen", "-Y", "sign", "-n", "k3os-image", "-f", key, join(directory, "image.json"));
    const machine = await node.start({ boot, config, disks: [emptyDisk(node.directory, "target")] });
    await node.poweredOff(400_000);
    expect(machine.serial.text()).toContain("image.json.sig");
    expect(machine.serial.text()).toMatch(/k3OS is installed on \/dev\/vd\w/);
  });
});

/** Replaces the link by a file with the same content but for a few bytes. */
function tamper(root: string): void {
  const built = realpathSync(root);
  rmSync(root);
  copyFileSync(built, root);
  const file = openSync(root, "r+");
  writeSync(file, "tampered with", 1 << 20);
  closeSync(file);
}
