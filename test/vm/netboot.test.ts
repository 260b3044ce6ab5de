import {
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { buildNetboot } from "../../src/build/index.ts";
import { runCommand } from "../../src/process/run.ts";
import { type Boot, lateTimer } from "../../src/vm/qemu.ts";
import { eventually } from "./support/eventually.ts";
import { useInstallation } from "./support/installation.ts";
import { useMachine } from "./support/machine.ts";
import { type Served, serveDirectory } from "./support/serve.ts";

const directory = mkdtempSync(join(tmpdir(), "k3os-netboot-"));
const servers: Served[] = [];
afterAll(() => {
  for (const server of servers) server.close();
  rmSync(directory, { recursive: true, force: true });
});

/**
 * Serves what `./k3os build --format netboot` makes, with more kernel arguments in its script, and returns how a machine that has nothing
 * but a network card boots it: DHCP names the script to the iPXE in the card's ROM.
 */
async function serveSet(name: string, args: readonly string[] = [], change = (_: string) => {}): Promise<Boot> {
  const { dir } = await buildNetboot();
  const set = join(directory, name);
  mkdirSync(set);
  for (const file of readdirSync(dir)) symlinkSync(join(dir, file), join(set, file));
  const script = readFileSync(join(dir, "boot.ipxe"), "utf8");
  rmSync(join(set, "boot.ipxe"));
  writeFileSync(join(set, "boot.ipxe"), script.replace(" quiet", ["", "quiet", lateTimer, ...args].join(" ")));
  change(set);
  const server = await serveDirectory(set);
  servers.push(server);
  return { kind: "network", url: `http://10.0.2.2:${server.port}/boot.ipxe`, firmware: "bios" };
}

describe("a machine that boots over the network", () => {
  const name = "test-netboot";
  const node = useMachine({ name, boot: () => serveSet("good"), config: `hostname: ${name}\n` });

  it("becomes a Ready node from the root that its initrd has fetched", async () => {
    expect(await node.node("cat /proc/cmdline")).toMatch(
      /k3os\.root=http:\/\/10\.0\.2\.2:\d+\/root\.squashfs BOOTIF=01-52-54-00-/,
    );
    expect(node.machine.serial.text()).toMatch(/k3os: fetching http:\/\/10\.0\.2\.2:\d+\/root\.squashfs through eth0/);
    expect(await node.node("cat /run/k3os/mode")).toBe("live\n");
  });

  it("has the address that dhcpcd got, and no other", async () => {
    const addresses = await node.node("ip -4 -oneline address show dev eth0 | wc -l; pgrep -f udhcpc | wc -l");
    expect(addresses).toBe("1\n0\n");
  });

  it("switches off in order when somebody types poweroff", async () => {
    await node.machine.ssh("sudo poweroff");
    await eventually(async () => expect(node.machine.state).not.toBe("running"));
    expect(node.machine.serial.text()).toContain("Starting shutdown runlevel");
  });
});

describe("a root that was tampered with", () => {
  const tamper = (set: string) => {
    const root = join(set, "root.squashfs");
    const built = realpathSync(root);
    rmSync(root);
    copyFileSync(built, root);
    const file = openSync(root, "r+");
    writeSync(file, "tampered with", 1 << 20);
    closeSync(file);
  };
  const boot = () => serveSet("bad", [], tamper);
  const node = useMachine({ name: "test-netboot-bad", boot, until: "powered on" });

  it("is refused, and the machine says that it tries again", async () => {
    const { serial } = node.machine;
    await serial.expect(
      /root\.squashfs is not the root of this initrd: expected sha256 [0-9a-f]{64}, got [0-9a-f]{64}/,
    );
    await serial.expect("this machine restarts in 60 seconds. Press Enter for a rescue shell.");
    await serial.send("\r");
    await serial.expect("this is a rescue shell");
  });
});

describe("a machine without a system on its disk", { timeout: 420_000 }, () => {
  const prepare = useInstallation("test-netboot-install");

  it("installs itself from the server that it boots from, if the image has the right signature", async () => {
    const lab = await prepare();
    const key = join(directory, "key");
    const sshKeygen = (...args: string[]) => {
      const { argv, env } = lab.image.tools.command(["ssh-keygen", ...args]);
      return runCommand(argv, { env });
    };
    await sshKeygen("-q", "-t", "ed25519", "-N", "", "-f", key);
    const image_key = readFileSync(`${key}.pub`, "utf8").trim();
    const config = JSON.stringify({ k3os: { install: { silent: true, device: "only", power_off: true, image_key } } });
    const boot = await serveSet("install", ["k3os.fallback_mode=install"]);
    await sshKeygen("-Y", "sign", "-n", "k3os", "-f", key, join(directory, "install/image.json"));
    const machine = await lab.start(boot, { config, disks: [lab.disk("target")] });
    await lab.poweredOff(400_000);
    expect(machine.serial.text()).toContain("image.json.sig");
    expect(machine.serial.text()).toMatch(/k3OS is installed on \/dev\/vd\w/);
  });
});
