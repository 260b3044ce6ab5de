import { beforeAll, describe, expect, it } from "vitest";
import type { Machine } from "../../src/vm/machine.ts";
import type { Disk } from "../../src/vm/qemu.ts";
import { waitReady } from "../../src/vm/ready.ts";
import {
  bytesWritten,
  fromDisk,
  type Installation,
  installerOf,
  isoDisk,
  useInstallation,
} from "./support/installation.ts";
import { serveDirectory } from "./support/serve.ts";

const name = "test-install";
const prepare = useInstallation(name);

let lab: Installation;
let target: Disk;
let other: Disk;

const config = `hostname: ${name}
k3os:
  token: t0p-secret
  labels: { zone: a }
  install: { silent: true, device: "serial=target", power_off: true }
`;

const run = async (machine: Machine, command: string) => {
  const { status, stdout, stderr } = await machine.ssh(command);
  if (status !== 0) throw new Error(`${command} ended with ${status}\n${stdout}${stderr}`);
  return stdout.trim();
};

describe("a silent installation", { timeout: 420_000 }, () => {
  beforeAll(async () => {
    lab = await prepare();
    [target, other] = [lab.disk("target"), lab.disk("other", 8192)];
  });

  it("writes the disk that the selector means, shows no secret, and switches off", async () => {
    const machine = await lab.start(installerOf(lab), { config, disks: [isoDisk(lab), other, target] });
    await lab.poweredOff(300_000);
    const console = machine.serial.text();
    expect(console).toMatch(/Disk {5}\/dev\/vd\w, 4\.3 GB \(virtio, serial target\)/);
    expect(console).toContain("k3OS is installed on /dev/vd");
    expect(console).not.toContain("t0p-secret");
    expect(bytesWritten(other)).toBe(0);
  });

  it("boots by BIOS to a Ready node that is configured as it was told", async () => {
    const machine = await lab.start(fromDisk("bios"), { disks: [target] });
    await waitReady(machine, { timeoutMs: 300_000 });
    expect(await run(machine, "cat /run/k3os/mode")).toBe("local");
    expect(await run(machine, "sudo stat -c %a /k3os/system/config.yaml")).toBe("600");
    expect(await run(machine, "sudo cat /k3os/system/config.yaml")).toContain("token: t0p-secret");
    expect(await run(machine, "sudo k3os config --why k3os.labels")).toContain("/k3os/system/config.yaml");
    const labels = await machine.kubectl(["get", "node", name, "-o", "jsonpath={.metadata.labels.zone}"]);
    expect(labels.stdout).toBe("a");
    await run(machine, "echo precious | sudo tee /var/lib/mark");
    expect(await machine.stop({ graceMs: 60_000 })).toBe(true);
  });

  it("fetches another image and replaces the system with it, and nothing else, when it shall not format", async () => {
    const server = await serveDirectory(lab.image.dir);
    const url = `http://10.0.2.2:${server.port}`;
    const settings = `silent: true, no_format: true, device: serial=target, iso_url: "${url}", power_off: true`;
    const boot = { kind: "image", dir: lab.image.dir, append: "k3os.mode=install" } as const;
    const machine = await lab.start(boot, { config: `k3os: { install: { ${settings} } }\n`, disks: [target] });
    await lab.poweredOff(300_000).finally(() => server.close());
    const console = machine.serial.text();
    expect(console).toMatch(/Fetch http:.*root\.squashfs \.\.\. \d+ MB/);
    expect(console).toMatch(/Kept {5}\/dev\/vd\w1.*\n.*K3OS_GRUB.*\n.*K3OS_STATE/);
  });

  it("boots by UEFI, with the data and the config of before", async () => {
    const machine = await lab.start(fromDisk("uefi"), { disks: [target] });
    await waitReady(machine, { timeoutMs: 300_000 });
    expect(await run(machine, "ls -d /sys/firmware/efi")).toBe("/sys/firmware/efi");
    expect(await run(machine, "cat /var/lib/mark")).toBe("precious");
    expect(await run(machine, "sudo cat /k3os/system/config.yaml")).toContain("token: t0p-secret");
    expect(await run(machine, "ls /k3os/system")).toBe(`${lab.image.imageJson.version}\nconfig.yaml\ncurrent`);
    await machine.stop({ graceMs: 60_000 });
  });

  it("boots with Secure Boot on", async () => {
    const machine = await lab.start(fromDisk("secure-boot"), { disks: [target] });
    await waitReady(machine, { timeoutMs: 300_000 });
    expect(await run(machine, "sudo dmesg")).toContain("Kernel is locked down from EFI Secure Boot");
    await machine.stop({ graceMs: 60_000 });
  });
});
