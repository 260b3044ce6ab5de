import { constants, copyFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { buildDisk } from "../../src/build/index.ts";
import { STATE } from "../../src/image/disk.ts";
import { runCommand } from "../../src/process/run.ts";
import type { Machine } from "../../src/vm/machine.ts";
import { type Disk, lateTimer } from "../../src/vm/qemu.ts";
import { waitReady } from "../../src/vm/ready.ts";
import { eventually } from "./support/eventually.ts";
import { fromDisk, type Installation, useInstallation } from "./support/installation.ts";

const prepare = useInstallation("test-power-cut");

let lab: Installation;
let disk: Disk;

const start = () => lab.start(fromDisk("bios"), { disks: [disk] });
const run = async (machine: Machine, command: string) => {
  const { status, stdout, stderr } = await machine.ssh(command);
  expect({ command, status, stderr }).toMatchObject({ status: 0 });
  return stdout;
};
/** By what others know the node. */
const identity = (machine: Machine) =>
  run(machine, "cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub /var/lib/rancher/k3os/node-name");

/** The first pod is the cluster's own name server; it knows names once the API tells it. */
const askClusterDns = (machine: Machine) => run(machine, "nslookup kubernetes.default.svc.cluster.local 10.43.0.10");

/** The first boot is cut short again and again, each time a little later, and goes on from what the cut has left. */
describe("power cuts during the first boot of a disk", { timeout: 600_000 }, () => {
  beforeAll(async () => {
    lab = await prepare();
    disk = lab.disk("first");
    // The menu says quiet, which must not hide how far the boot is.
    const { dir } = await buildDisk("raw", { arguments: [lateTimer, "k3os.debug", "ignore_loglevel"] });
    copyFileSync(join(dir, "k3os.raw"), disk.file, constants.COPYFILE_FICLONE);
    truncateSync(disk.file, 4 * 1024 ** 3);
  });

  it.each([
    ["what persists is being laid out", "k3os: init at"],
    ["the disk is being filled", "k3os: root at"],
    ["the configuration is applied", "k3os: config at"],
    ["k3s and the host key make their first files", "Starting sshd"],
  ])("as %s", async (_, line) => {
    const machine = await start();
    await machine.serial.expect(line, { timeoutMs: 120_000 });
    await lab.cut();
  });

  let known: string;

  it("at the moment in which the node is first known to others", async () => {
    const machine = await start();
    await eventually(async () => {
      known = await identity(machine);
    }, 200);
    await lab.cut();
    expect(known).toMatch(/^[0-9a-f]{32}\nssh-ed25519 \S+ .*\n\S+\n$/);
  });

  it("at the moment in which the first pod answers", async () => {
    const machine = await start();
    await waitReady(machine, { timeoutMs: 400_000 });
    await eventually(() => askClusterDns(machine), 200);
    await lab.cut();
  });

  it("leave a node that becomes Ready with its pods, and is the one that others know", async () => {
    const machine = await start();
    await waitReady(machine, { timeoutMs: 400_000 });
    expect(await identity(machine)).toBe(known);
    const nodes = await machine.kubectl(["get", "nodes", "-o", "name"]);
    expect(nodes.stdout).toBe("node/test-power-cut\n");
    expect(Number(await run(machine, "df -m /var | awk 'END { print $2 }'"))).toBeGreaterThan(3700);
    await eventually(() => askClusterDns(machine), 200);
    expect(await run(machine, "cat /sys/fs/ext4/*/errors_count")).toMatch(/^(0\n)+$/);
    expect(JSON.parse(await run(machine, "sudo k3os status --json || true"))).toMatchObject({ config_problems: 0 });
    expect(await machine.stop({ graceMs: 90_000 })).toBe(true);
  });

  it("leave a disk without fault", async () => {
    const tool = (...argv: string[]) => {
      const command = lab.image.tools.command(argv);
      return runCommand(command.argv, { env: command.env });
    };
    expect(await tool("sfdisk", "--verify", disk.file)).toContain("No errors detected");
    await tool("e2fsck", "-fn", `${disk.file}?offset=${STATE.startMiB << 20}`);
  });
});
