import { describe, expect, it } from "vitest";
import { bytesWritten, emptyDisk, fromDisk, installerMachine } from "../support/disks.ts";
import { useMachine } from "../support/machine.ts";

const node = useMachine("test-install");
const target = { ...emptyDisk(node.directory, "target"), bootIndex: 1 };
const other = emptyDisk(node.directory, "other", 8192);

const config = `hostname: ${node.name}
k3os:
  token: t0p-secret
  labels: { zone: a }
  install: { silent: true, device: "serial=target", power_off: true }
`;

describe("a silent installation", { timeout: 420_000 }, () => {
  it("writes the disk that the selector means, shows no secret, and switches off", async () => {
    const machine = await node.start({ ...(await installerMachine([other, target])), config });
    await node.poweredOff(300_000);
    const console = machine.serial.text();
    expect(console).toMatch(/Disk {5}\/dev\/vd\w, 4\.3 GB \(virtio, serial target\)/);
    expect(console).toContain("k3OS is installed on /dev/vd");
    expect(console).not.toContain("t0p-secret");
    expect(bytesWritten(other)).toBe(0);
  });

  it("boots by BIOS to a Ready node that is configured as it was told", async () => {
    await node.startReady({ boot: fromDisk("bios"), disks: [target] });
    expect(await node.node("cat /run/k3os/mode")).toBe("local\n");
    expect(await node.node("sudo stat -c %a /k3os/system/config.yaml")).toBe("600\n");
    expect(await node.node("sudo cat /k3os/system/config.yaml")).toContain("token: t0p-secret");
    expect(await node.node("sudo k3os config --why k3os.labels")).toContain("/k3os/system/config.yaml");
    expect(await node.kubectl("get", "node", node.name, "-o", "jsonpath={.metadata.labels.zone}")).toBe("a");
    expect(await node.machine.stop({ graceMs: 60_000 })).toBe(true);
  });
});
