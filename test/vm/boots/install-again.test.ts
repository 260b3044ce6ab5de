import { beforeAll, describe, expect, it } from "vitest";
import type { Disk } from "../../../src/vm/qemu.ts";
import { bootedDisk, MARK, TOKEN } from "../support/booted-disk.ts";
import { fromDisk, overlay } from "../support/disks.ts";
import { builtImage } from "../support/image.ts";
import { useMachine } from "../support/machine.ts";
import { serveDirectory } from "../support/serve.ts";

const node = useMachine("test-install-again");

describe("an installation that shall not format", { timeout: 600_000 }, () => {
  let target: Disk;

  beforeAll(async () => {
    target = { ...(await overlay(node.directory, await bootedDisk())), serial: "target" };
  });

  it("fetches another image and replaces the system with it, and nothing else", async () => {
    const { dir } = await builtImage();
    const server = await serveDirectory(dir);
    const url = `http://10.0.2.2:${server.port}`;
    const settings = `silent: true, no_format: true, device: serial=target, iso_url: "${url}", power_off: true`;
    const boot = { kind: "image", dir, append: "k3os.mode=install" } as const;
    await node.start({ boot, config: `k3os: { install: { ${settings} } }\n`, disks: [target] });
    await node.poweredOff(300_000).finally(() => server.close());
    const console = node.machine.serial.text();
    expect(console).toMatch(/Fetch http:.*root\.squashfs \.\.\. \d+ MB/);
    expect(console).toMatch(/Kept {5}\/dev\/vd\w1.*\n.*K3OS_GRUB.*\n.*K3OS_STATE/);
  });

  it("boots by UEFI, with the data and the config of before", async () => {
    await node.start({ boot: fromDisk("uefi"), disks: [target] });
    await node.reachable();
    expect(await node.node("ls -d /sys/firmware/efi")).toBe("/sys/firmware/efi\n");
    expect(await node.node(`cat ${MARK.path}`)).toBe(MARK.content);
    expect(await node.node("sudo cat /k3os/system/config.yaml")).toContain(`token: ${TOKEN}`);
    expect(await node.node("grep -o k3os.slot=. /proc/cmdline")).toBe("k3os.slot=b\n");
  });
});
