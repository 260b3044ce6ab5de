import { beforeAll, describe, expect, it } from "vitest";
import { bootedDisk, MARK } from "../support/booted-disk.ts";
import { fromDisk, overlay } from "../support/disks.ts";
import { eventually } from "../support/eventually.ts";
import { useMachine } from "../support/machine.ts";

const node = useMachine("test-reset");
const places = ["/var/lib", "/home/rancher", "/opt", "/usr/local/bin"];

const machineId = () => node.node("cat /etc/machine-id");
const reboot = async () => {
  const before = await node.bootId();
  await node.machine.ssh("sudo openrc-shutdown --reboot now");
  await node.bootAfter(before);
};

describe("a reset", { timeout: 900_000 }, () => {
  beforeAll(async () => {
    await node.start({ boot: fromDisk(), disks: [await overlay(node.directory, await bootedDisk())] });
    await node.reachable();
  });

  it("erases what the node kept, and begins anew", async () => {
    expect(await node.node(`cat ${MARK.path}`)).toBe(MARK.content);
    for (const place of places) await node.node(`echo kept | sudo tee ${place}/mark >/dev/null`);
    await node.writeLayer("10-name.yaml", "hostname: renamed\n");
    const [bootId, before] = [await node.bootId(), await machineId()];
    await node.machine.ssh("sudo k3os reset --yes");
    await node.bootAfter(bootId);
    expect(await machineId()).not.toBe(before);
    for (const place of places) expect(await node.node(`ls ${place}/mark 2>/dev/null || echo none`)).toBe("none\n");
    expect(await node.node("hostname")).toBe(`${node.name}\n`);
    expect(await node.node("ls /k3os/system")).not.toContain("factory-reset");
    await eventually(async () => expect(await node.node("ls /run/k3os/state/k3os")).not.toContain("discarded"));
  });

  it("at every boot is what the file ephemeral asks for", async () => {
    await node.node("sudo touch /run/k3os/state/k3os/system/ephemeral");
    for (let boot = 0; boot < 2; boot++) {
      await node.node("echo mine | sudo tee /opt/mark >/dev/null");
      await reboot();
      expect(await node.node("ls /opt/mark 2>/dev/null || echo none")).toBe("none\n");
    }
  });
});
