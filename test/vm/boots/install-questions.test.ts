import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { buildIso } from "../../../src/build/index.ts";
import type { Machine } from "../../../src/vm/machine.ts";
import { usualFirmware } from "../../../src/vm/qemu.ts";
import { poll } from "../../../src/vm/wait.ts";
import { openMenu } from "../support/boot-menu.ts";
import { bytesOf, bytesWritten, emptyDisk, fromDisk, installerMachine } from "../support/disks.ts";
import { useMachine } from "../support/machine.ts";

const node = useMachine("test-install-questions");
const up = "\x1b[A";
const down = "\x1b[B";
const esc = "\x1b";

const target = { ...emptyDisk(node.directory, "target"), bootIndex: 1 };
const other = emptyDisk(node.directory, "other");
let machine: Machine;

/** Answers on the serial console: waits for the question, and types. */
async function answer(question: RegExp | string, typed: string): Promise<void> {
  await machine.serial.expect(question, { timeoutMs: 60_000 });
  await machine.serial.send(typed);
}

const see = (text: RegExp | string, timeoutMs = 60_000) => machine.serial.expect(text, { timeoutMs });

describe("the installer on a serial console", { timeout: 600_000 }, () => {
  beforeAll(async () => {
    const { image, dir } = await buildIso({ usualFlavour: "cloud" });
    const firmware = usualFirmware(image.imageJson.architecture);
    const boot = { kind: "iso", file: join(dir, "k3os.iso"), as: "disc", firmware } as const;
    machine = await node.start({ boot, disks: [target, other] });
  });

  it("is an entry of the medium's boot menu", async () => {
    await (await openMenu(node)).choose("Install k3OS to a disk");
    await see("k3OS installer. Nothing is changed before you agree to the summary.", 120_000);
  });

  it("asks for the disk, and goes back by Esc", async () => {
    await answer("What do you want to do?", "\r");
    await answer(/Which disk\?[\s\S]*?4.3 GB \(virtio, serial target\)/, esc);
    await answer("What do you want to do?", "\r");
    await answer("Which disk?", "\r");
  });

  it("fetches a config.yaml at once, and asks again when that fails", async () => {
    await answer("Is there a config.yaml", "y");
    await answer("Path or URL of the config.yaml", "http://10.0.2.2:9/none.yaml\r");
    await see("cannot be fetched", 90_000);
    await machine.serial.send(esc);
    await answer("Is there a config.yaml", "n");
  });

  it("checks keys, URL and token as they are typed", async () => {
    await answer("Who may log in by ssh?", "github: octocat\r");
    await see("no space after the colon");
    await machine.serial.send("\x15\r");
    await answer("What is this node?", `${down}\r`);
    await answer("URL of the server", "10.0.0.1\r");
    await see("expected the URL of a server");
    await machine.serial.send(esc);
    await answer("What is this node?", `${up}${up}\r`);
    await answer("Token that others join with", "t0p-secret\r");
  });

  it("shows all of it but the secrets, and changes nothing when that is declined", async () => {
    await see(/Erased {3}nothing: the disk is blank[\s\S]*?token: \(hidden\)[\s\S]*?Install to \/dev\/vd\w\?/);
    await machine.serial.send("n");
    await see("not installed; nothing was changed");
    expect(machine.serial.text()).not.toContain("t0p-secret");
    expect([bytesWritten(target), bytesWritten(other)]).toEqual([0, 0]);
  });

  it("leaves a login behind, whose terminal is as it was", async () => {
    await answer("login: ", "rancher\n");
    await answer(/\$ /, "stty -a | tr ' ' '\\n' | grep -xE -- '-?(echo|icanon|isig)' | tr '\\n' ' '; echo .\n");
    await see(/isig icanon echo \./);
  });

  it("fails without a change when the config that it is told cannot be fetched", async () => {
    await machine.serial.send(
      "sudo k3os install --silent --device serial=target --config http://10.0.2.2:9/c; echo =$?=\n",
    );
    await see(/http:\/\/10\.0\.2\.2:9\/c cannot be fetched[\s\S]*?=1=/, 90_000);
    expect(bytesWritten(target)).toBe(0);
  });

  it("works line by line on a dumb terminal, where the power fails in the middle of it", async () => {
    // The key that this machine was started with: whoever has one is not asked for a password.
    await machine.serial.send("sudo rm /run/config/meta-data; sudo TERM=dumb k3os install --device serial=target\n");
    await answer("Is there a config.yaml", "n\n");
    await answer("Who may log in by ssh?", "\n");
    await answer("Password of the user rancher", "pass-w0rd\n");
    await answer("The same password again", "another-1\n");
    await see("The two are not the same");
    await answer("The same password again", "pass-w0rd\n");
    await answer(/1\. Server[\s\S]*?Number/, "1\n");
    await answer("Token that others join with", "\n");
    await answer(/Install to \/dev\/vd\w\?/, "y\n");
    await see("- Make file systems", 60_000);
    await poll(() => (bytesWritten(target) > 60e6 ? true : undefined), { timeoutMs: 60_000, everyMs: 50 });
    await node.cut();
    expect(machine.serial.text()).not.toMatch(/pass-w0rd|another-1/);
    expect(machine.serial.text()).not.toMatch(/Copy the image \.\.\. \d/);
  });

  it("leaves nothing behind that a firmware would start", () => {
    expect(bytesOf(target, 0, 440).every((byte) => byte === 0)).toBe(true);
    expect(bytesOf(target, 1 << 20, 4096).every((byte) => byte === 0)).toBe(true);
  });

  it("installs over what the power cut left, from a medium on another disk", async () => {
    const config = `hostname: ${node.name}\nk3os: { install: { silent: true, device: "serial=target", power_off: true } }\n`;
    machine = await node.start({ ...(await installerMachine([other, target])), config });
    await node.poweredOff(300_000);
    expect(machine.serial.text()).toMatch(/Erased {3}\/dev\/vd\w1/);
    expect(bytesWritten(other)).toBe(0);
  });

  it("boots what it has installed", async () => {
    machine = await node.start({ boot: fromDisk(), disks: [target] });
    await see(`${node.name} login:`, 300_000);
  });
});
