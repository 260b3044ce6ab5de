import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { buildDisk } from "../../../src/build/index.ts";
import { STATE } from "../../../src/image/disk.ts";
import { type Disk, lateTimer } from "../../../src/vm/qemu.ts";
import { sleep } from "../../../src/vm/wait.ts";
import { emptyDisk, fromDisk } from "../support/disks.ts";
import { eventually } from "../support/eventually.ts";
import { tool } from "../support/image.ts";
import { useMachine } from "../support/machine.ts";

const node = useMachine("test-power-cut");
let disk: Disk;

const machineOfIt = () => ({ boot: fromDisk(), disks: [disk] });
/** By what others know the node. */
const identity = () =>
  node.node("cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub /var/lib/rancher/k3os/node-name");

/** The first pod is the cluster's own name server; it knows names once the API tells it. */
const askClusterDns = () => node.node("nslookup kubernetes.default.svc.cluster.local 10.43.0.10");

const configMap = (name: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\n`;

/** The first boot is cut short again and again, each time a little later, and goes on from what the cut has left. */
describe("power cuts during the first boot of a disk", { timeout: 600_000 }, () => {
  beforeAll(async () => {
    // The menu says quiet, which must not hide how far the boot is.
    const { dir } = await buildDisk("qcow2", { arguments: [lateTimer, "k3os.debug", "ignore_loglevel"] });
    disk = { ...emptyDisk(node.directory, "first"), bootIndex: 1 };
    await tool("qemu-img", "convert", "-n", "-f", "qcow2", "-O", "raw", join(dir, "k3os.qcow2"), disk.file);
  });

  it.each([
    ["what persists is being laid out", "k3os: init at"],
    ["the disk is being filled", "k3os: root at"],
    ["the configuration is applied", "k3os: config at"],
    ["k3s and the host key make their first files", "Starting sshd"],
  ])("as %s", async (_, line) => {
    const { serial } = await node.start(machineOfIt());
    await serial.expect(line, { timeoutMs: 120_000 });
    await node.cut();
  });

  let known: string;

  it("at the moment in which the node is first known to others", async () => {
    await node.start(machineOfIt());
    await eventually(async () => {
      known = await identity();
    });
    await node.cut();
    expect(known).toMatch(/^[0-9a-f]{32}\nssh-ed25519 \S+ .*\n\S+\n$/);
  });

  let acknowledged: string[];

  it("at some moment after the first pod answers, while objects are created", async () => {
    const machine = await node.startReady(machineOfIt());
    await eventually(askClusterDns);
    const input = Array.from({ length: 5000 }, (_, n) => configMap(`cut-${n}`)).join("---\n");
    const creating = machine.kubectl(["create", "--validate=false", "-f", "-", "-o", "name"], { input });
    await eventually(() => node.kubectl("get", "configmap", "cut-9"));
    await sleep(5000 * Math.random());
    await node.cut();
    acknowledged = (await creating).stdout.split("\n").filter((line) => line !== "");
    expect(acknowledged).toContain("configmap/cut-9");
  });

  it("leave a node that becomes Ready with its pods, and is the one that others know", async () => {
    const machine = await node.startReady(machineOfIt());
    expect(await identity()).toBe(known);
    const kept = await node.kubectl("get", "configmaps", "-o", "name");
    expect(kept.split("\n")).toEqual(expect.arrayContaining(acknowledged));
    expect(await node.kubectl("get", "nodes", "-o", "name")).toBe(`node/${node.name}\n`);
    expect(Number(await node.node("df -m /var | awk 'END { print $2 }'"))).toBeGreaterThan(3700);
    await eventually(askClusterDns);
    expect(await node.node("cat /sys/fs/ext4/*/errors_count")).toMatch(/^(0\n)+$/);
    expect(JSON.parse(await node.node("sudo k3os status --json || true"))).toMatchObject({ config_problems: 0 });
    expect(await machine.stop({ graceMs: 90_000 })).toBe(true);
  });

  it("leave a disk without fault", async () => {
    expect(await tool("sfdisk", "--verify", disk.file)).toContain("No errors detected");
    await tool("e2fsck", "-fn", `${disk.file}?offset=${STATE.startMiB << 20}`);
  });
});
