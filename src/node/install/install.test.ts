import { describe, expect, it } from "vitest";
import type { Config } from "../../config/index.ts";
import type { MemoryHost } from "../../host/memory.ts";
import { memoryTerminal } from "../terminal/memory.ts";
import { catchPrinted } from "../testing.ts";
import { installSilently, installWithQuestions } from "./install.ts";
import { installerMachine } from "./testing.ts";

catchPrinted();
const config: Config = { hostname: "live", k3os: { labels: { zone: "a" }, install: { silent: true } } };
const CHANGES = ["wipefs", "dd", "sfdisk", "mkdosfs", "mkfs.ext4", "cp"];
const changes = (host: MemoryHost) => host.ran.filter(([program = ""]) => CHANGES.includes(program)).length;
const installed = (host: MemoryHost) => host.readText("/disk/state/k3os/system/config.yaml");

async function talk(typed: readonly string[], settings = {}) {
  const host = installerMachine();
  const terminal = memoryTerminal(typed);
  const outcome = await installWithQuestions({ host, settings, config }, async () => terminal).then(
    () => "installed",
    (error: Error) => error.message,
  );
  return { host, terminal, outcome };
}

describe("installWithQuestions", () => {
  const answers = ["\r", "n", "\r", "pw\r", "pw\r", "\r", "t0ken\r"];

  it("installs what was answered over what the running system is configured with, and restarts", async () => {
    const { host, outcome, terminal } = await talk([...answers, "y", "\r"]);
    expect(outcome).toBe("installed");
    expect(installed(host)).toBe(
      "hostname: live\nk3os:\n  labels:\n    zone: a\n  password: $6$hashed\n  token: t0ken\n",
    );
    expect(host.ran.at(-1)).toEqual(["openrc-shutdown", "--reboot", "now"]);
    expect(terminal.written).toContain("token: (hidden)");
    expect(terminal.written).not.toContain("t0ken");
    expect(terminal.closed).toBe(true);
  });

  it("changes nothing without a yes, and nothing when it is stopped anywhere", async () => {
    for (const typed of [
      [...answers, "n"],
      [...answers, "\r"],
      ...answers.map((_, at) => [...answers.slice(0, at), "\x03"]),
    ]) {
      const { host, outcome, terminal } = await talk(typed);
      expect(outcome).toMatch(/nothing was changed$/);
      expect([changes(host), terminal.closed]).toEqual([0, true]);
    }
  });

  it("offers only what can be done where there is no image, and says why", async () => {
    const host = installerMachine();
    host.remove("/run/k3os/medium");
    const terminal = memoryTerminal([]);
    await expect(installWithQuestions({ host, settings: {}, config }, async () => terminal)).rejects.toThrow("stopped");
    expect(terminal.written).toContain(
      "No installation here: this system was not started from a medium that holds its image.",
    );
    expect(terminal.written).not.toContain("Install k3OS to a disk");
    const settings = { device: "only", config_url: "/none" };
    await expect(installWithQuestions({ host, settings, config }, async () => terminal)).rejects.toThrow(
      "there is no file",
    );
  });

  it("says what the disk is now when it is stopped while it writes", async () => {
    const host = installerMachine({ failing: "mkfs.ext4" });
    const terminal = Object.assign(memoryTerminal([...answers, "y"]), { interrupted: true });
    await expect(installWithQuestions({ host, settings: {}, config }, async () => terminal)).rejects.toMatchObject({
      kind: "interrupted",
      hint: expect.stringContaining("/dev/vda boots nothing now"),
    });
    expect(terminal.closed).toBe(true);
  });

  it("can leave the machine running", async () => {
    const { host } = await talk([...answers, "y", "n"]);
    expect(host.ran.map(([program]) => program)).not.toContain("openrc-shutdown");
  });
});

describe("installSilently", () => {
  it("replaces the system beside a volume group, and erases one only by force", async () => {
    const blkid = "DEVNAME=/dev/vda2\nLABEL=K3OS_GRUB\n\nDEVNAME=/dev/vda3\nLABEL=K3OS_STATE\n";
    const machine = () =>
      installerMachine({
        on: { partitions: { 2: 1, 3: 9, 4: 9 } },
        blkid: `${blkid}\nDEVNAME=/dev/vda4\nTYPE=LVM2_member\n`,
      });
    const install = (settings: object) => installSilently({ host: machine(), config, settings });
    await install({ device: "only", no_format: true });
    await expect(install({ device: "only" })).rejects.toThrow("no disk of this machine");
    await expect(install({ device: "vda" })).rejects.toThrow("/dev/vda4 belongs to an LVM volume group");
    await install({ device: "vda", force: true });
  });

  it("gives the node the config of the running system, without the installer's settings", async () => {
    const host = installerMachine();
    await installSilently({ host, config, settings: { device: "serial=target", power_off: true } });
    expect(installed(host)).toBe("hostname: live\nk3os:\n  labels:\n    zone: a\n");
    expect(host.ran.at(-1)).toEqual(["openrc-shutdown", "--poweroff", "now"]);
  });

  it("keeps a config that it fetches as its author wrote it", async () => {
    const host = installerMachine({ existing: { "/media/node.yaml": "# mine\nhostname:   a\n" } });
    await installSilently({ host, config, settings: { device: "only", config_url: "/media/node.yaml" } });
    expect(installed(host)).toBe("# mine\nhostname:   a\n");
  });

  const refusals: [string, object, string][] = [
    ["without a disk", {}, "needs to be told the disk"],
    ["with a disk that is not there", { device: "/dev/sdz" }, "no disk of this machine"],
    ["with a config that is not there", { device: "only", config_url: "/none.yaml" }, "there is no file /none.yaml"],
    [
      "with a config that is wrong",
      { device: "only", config_url: "/media/bad.yaml" },
      "/media/bad.yaml:1:11 hostname: expected a string",
    ],
    ["with an image that is not there", { device: "only", iso_url: "/none.iso" }, "there is no image at /none.iso"],
  ];
  for (const [what, settings, want] of refusals) {
    it(`refuses ${what}, and changes nothing`, async () => {
      const host = installerMachine({ existing: { "/media/bad.yaml": "hostname: [a]\n" } });
      await expect(installSilently({ host, config, settings })).rejects.toThrow(want);
      expect(changes(host)).toBe(0);
    });
  }
});
