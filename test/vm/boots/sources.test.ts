import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildDisk } from "../../../src/build/index.ts";
import { CLOUD_NAMES } from "../../../src/config/clouds.ts";
import { expected, USERDATA } from "../../../src/node/sources/clouds.cases.ts";
import { lateTimer } from "../../../src/vm/qemu.ts";
import { fromDisk, overlay } from "../support/disks.ts";
import { eventually } from "../support/eventually.ts";
import { useMachine } from "../support/machine.ts";
import { certificate, packetAddress, startMetadataServer } from "../support/metadata-server.ts";

const node = useMachine("test-sources");

// Nothing but the cloud tells this machine who may log in: that the tests get in is the first of them.
const publicKey = () => readFileSync(`${node.machine.paths.sshKey}.pub`, "utf8").trim();
const metadata = startMetadataServer(publicKey);
afterAll(async () => (await metadata).close());

beforeAll(async () => {
  const words = [lateTimer, "k3os.data_sources=hetzner-typo", "k3os.data_sources=aws"];
  const { image, dir } = await buildDisk("qcow2", { arguments: words });
  const disk = await overlay(node.directory, { file: join(dir, "k3os.qcow2"), format: "qcow2" }, 3072);
  await node.start({ boot: fromDisk(), disks: [disk], nics: [(await metadata).nic(image.tools)] });
  await node.reachable();
});

const bytes = (text: string) => Buffer.byteLength(text);

describe("a machine in a cloud", () => {
  it("has the name, the keys and the configuration that AWS gives it", async () => {
    const hostname = expected.aws?.local_hostname?.trim();
    expect(await node.node("hostname")).toBe(`${hostname}\n`);
    expect(await node.node("sudo k3os config --why k3os.labels")).toContain("/run/config/userdata:3:");
  });

  it("keeps what it was told for a boot without network, for root only", async () => {
    const directory = "/var/lib/rancher/k3os/data-source";
    expect(await node.node(`sudo cat ${directory}/userdata`)).toBe(USERDATA);
    expect(await node.node(`sudo stat -c %a ${directory} ${directory}/userdata /run/config`)).toBe("700\n600\n700\n");
  });

  it.each(CLOUD_NAMES.filter((cloud) => cloud !== "packet"))("hears %s", async (cloud) => {
    const [answer] = JSON.parse(await node.node(`sudo k3os sources --json --only ${cloud}`)).sources;
    expect(answer).toEqual({
      source: cloud,
      answers: true,
      has: {
        userdata: bytes(USERDATA),
        "ssh/authorized_keys": bytes(`${publicKey()}\n`),
        ...Object.fromEntries(Object.entries(expected[cloud]).map(([file, text]) => [file, bytes(text)])),
      },
    });
  });

  it("hears packet, by https and only from whom it trusts", async () => {
    await node.node(`echo ${packetAddress} metadata.platformequinix.com | sudo tee -a /etc/hosts`);
    expect(await node.ssh("sudo k3os sources --only packet")).toMatchObject({
      status: 1,
      stdout: "packet       does not answer\n",
    });
    await node.node(`echo '${certificate}' | sudo tee -a /etc/ssl/certs/ca-certificates.crt`);
    // Each try ends after five seconds, in which a busy host does not always speak TLS.
    const answer = /^packet +userdata \(\d+ bytes\), local_hostname/;
    await eventually(async () => expect(await node.node("sudo k3os sources --only packet")).toMatch(answer));
  });

  it("tells which of its own sources answer, to root", async () => {
    // It fails as long as the node is not Ready.
    const { stdout } = await node.ssh("sudo k3os status --json");
    expect(JSON.parse(stdout)).toMatchObject({ data_source: "aws" });
    expect(await node.node("sudo k3os sources")).toMatch(/^aws +userdata \(\d+ bytes\), local_hostname \(25 bytes\)/);
    expect(await node.ssh("k3os sources")).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("sudo"),
    });
  });

  it("asks a cloud that is not there for a few seconds only", async () => {
    const seconds =
      "start=$(cut -d. -f1 /proc/uptime); sudo k3os sources --only gcp; echo $(($(cut -d. -f1 /proc/uptime) - start))";
    const rule = (change: string) => `sudo iptables ${change} OUTPUT -d 169.254.169.254 -j DROP`;
    const printed = await node.node(`${rule("-I")}; ${seconds}; ${rule("-D")}`);
    const [said = "", took] = printed.trim().split("\n");
    expect(said).toMatch(/does not answer/);
    expect(Number(took)).toBeLessThan(15);
  });

  it("is known to Kubernetes by that name, with the labels of that configuration", async () => {
    await eventually(async () => {
      const nodes = JSON.parse(await node.node("sudo k3s kubectl get nodes -o json"));
      expect(nodes.items).toHaveLength(1);
      expect(nodes.items[0].metadata).toMatchObject({
        name: expected.aws?.local_hostname?.trim(),
        labels: { from: "cloud" },
      });
    });
  });

  it("boots again as what the cloud said it is, when that says nothing any more", { timeout: 600_000 }, async () => {
    const before = await node.bootId();
    await (await metadata).close();
    await node.machine.ssh("sudo openrc-shutdown --reboot now");
    // Only the cloud has said who may log in.
    await node.bootAfter(before);
    // It need not be Ready yet.
    const { stdout } = await node.ssh("sudo k3os status --json");
    expect(JSON.parse(stdout)).toMatchObject({ data_source: "aws (of an earlier boot)", failures: [] });
    expect(await node.node("hostname")).toBe(expected.aws?.local_hostname);
    expect(await node.node("sudo k3os config --why k3os.labels")).toContain("/run/config/userdata:3:");
    expect(await node.ssh("sudo k3os sources")).toMatchObject({
      status: 1,
      stdout: "aws          does not answer\n",
    });
  });
});
