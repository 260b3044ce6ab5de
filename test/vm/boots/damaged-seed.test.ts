import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { build } from "../../../src/build/index.ts";
import { type Machine, startMachine } from "../../../src/vm/machine.ts";
import { eventually } from "../support/eventually.ts";

const home = mkdtempSync(join(tmpdir(), "k3os-test-"));
const end = "end of the answers";
/** The node answers on its console: its keys of the workstation are on the volume that it cannot read. */
const questions = [
  "cat /etc/ssh/authorized_keys.d/rancher /etc/conf.d/k3s /run/k3os/report.json /etc/issue.d/50-config.issue",
  "k3os status",
  `echo ${end}`,
].map((command) => `${command} >/dev/console 2>&1`);
const append = [
  '"ssh_authorized_keys=ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFsysMi9KzGPcyTObyPoMmuQeIGc6pKVl4bGlcL5nyeO me"',
  "k3os.labels[zone]=a",
  '"boot_cmd=echo boot_cmd of the command line >/dev/console"',
  `"run_cmd=${questions.join("; ")}"`,
].join(" ");

let machine: Machine | undefined;
const consoleText = () => machine?.serial.text() ?? "";

/** Clears everything behind the volume descriptor, which has the label. The machine's kernel reads it seconds later. */
function damage(seed: string): void {
  const file = openSync(seed, "r+");
  writeSync(file, new Uint8Array(4 * 2048), 0, 4 * 2048, 17 * 2048);
  closeSync(file);
}

beforeAll(async () => {
  const { dir, tools, k3s } = await build();
  machine = await startMachine({
    name: "test-damaged-seed",
    home,
    tools,
    k3s,
    boot: { kind: "image", dir, append },
    accel: "tcg",
    memoryMiB: 1024,
    cpus: 2,
  });
  damage(machine.paths.seed);
  await eventually(async () => expect(consoleText()).toMatch(new RegExp(`^${end}`, "m")), 200).catch((error) => {
    console.log(`--- console\n${consoleText()}\n--- end of the console`);
    throw error;
  });
});
afterAll(async () => {
  await machine?.stop({ graceMs: 0 });
  rmSync(home, { recursive: true, force: true });
});

describe("a node whose seed volume cannot be mounted", () => {
  it("applies what the kernel's command line says", () => {
    expect(consoleText()).toMatch(/^boot_cmd of the command line/m);
    expect(consoleText()).toMatch(/^K3S_ARGS=.*--node-label=zone=a/m);
  });

  it("has its keys in place", () => {
    expect(consoleText()).toMatch(
      /^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFsysMi9KzGPcyTObyPoMmuQeIGc6pKVl4bGlcL5nyeO me/m,
    );
  });

  it("tells on the console, in its report, at the login prompt and in k3os status what is wrong", () => {
    const reason = "data source: mount -t auto -o ro /dev/\\w+ /run/k3os/cidata ended with status \\d+";
    expect(consoleText()).toMatch(new RegExp(`^k3os: ${reason}`, "m"));
    expect(consoleText()).toMatch(/"step":"data source","reason":"mount -t auto .*","boot":true/);
    // At the login prompt and by k3os status.
    expect(consoleText().match(new RegExp(`^error: ${reason}`, "gm"))?.length).toBeGreaterThanOrEqual(2);
  });
});
