import { closeSync, openSync, writeSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { builtImage } from "../support/image.ts";
import { useMachine } from "../support/machine.ts";

const node = useMachine("test-damaged-seed");
const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFsysMi9KzGPcyTObyPoMmuQeIGc6pKVl4bGlcL5nyeO me";
const end = "end of the answers";
/** The node answers on its console: the key that a test would log in with is on the volume that it cannot read. */
const questions = [
  "cat /etc/ssh/authorized_keys.d/rancher /etc/conf.d/k3s /run/k3os/report.json /etc/issue.d/50-config.issue",
  "k3os status",
  `echo ${end}`,
].map((command) => `${command} >/dev/console 2>&1`);
const append = [
  `"ssh_authorized_keys=${key}"`,
  "k3os.labels[zone]=a",
  '"boot_cmd=echo boot_cmd of the command line >/dev/console"',
  `"run_cmd=${questions.join("; ")}"`,
].join(" ");

/** Clears everything behind the volume descriptor, which has the label. The machine's kernel reads it seconds later. */
function damage(seed: string): void {
  const file = openSync(seed, "r+");
  writeSync(file, new Uint8Array(4 * 2048), 0, 4 * 2048, 17 * 2048);
  closeSync(file);
}

describe("a node whose seed volume cannot be mounted", () => {
  let console: string;

  beforeAll(async () => {
    const { dir } = await builtImage();
    const { paths, serial } = await node.start({ boot: { kind: "image", dir, append } });
    damage(paths.seed);
    await serial.expect(new RegExp(`^${end}`, "m"), { timeoutMs: 200_000 });
    console = serial.text();
  });

  it("applies what the kernel's command line says", () => {
    expect(console).toMatch(/^boot_cmd of the command line/m);
    expect(console).toMatch(/^K3S_ARGS=.*--node-label=zone=a/m);
  });

  it("has its keys in place", () => {
    expect(console).toMatch(new RegExp(`^${key}`, "m"));
  });

  it("tells on the console, in its report, at the login prompt and in k3os status what is wrong", () => {
    const reason = "data source: mount -t auto -o ro /dev/\\w+ /run/k3os/cidata ended with status \\d+";
    expect(console).toMatch(new RegExp(`^k3os: ${reason}`, "m"));
    expect(console).toMatch(/"step":"data source","reason":"mount -t auto .*","boot":true/);
    // At the login prompt and by k3os status.
    expect(console.match(new RegExp(`^error: ${reason}`, "gm"))?.length).toBeGreaterThanOrEqual(2);
  });
});
