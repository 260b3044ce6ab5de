import { describe, expect, it } from "vitest";
import { K3osError } from "../../errors.ts";
import { readTextIf } from "../../host/files.ts";
import { type MemoryHost, memoryHost } from "../../host/memory.ts";
import { type Call, type Fault, withFaults } from "../../host/testing.ts";
import { savedFailures, savedStages } from "../stages.ts";
import { init } from "./init.ts";

const STATE = "/run/k3os/state";
const IMAGE = "image 2";

/** A machine whose initrd has just started, and its mounts: sources by target. */
interface Machine {
  readonly host: MemoryHost;
  readonly mounted: Map<string, string>;
}

function machine(cmdline: string, files: Readonly<Record<string, string>> = {}): Machine {
  const mounted = new Map<string, string>();
  const mount = (source: string, target: string) => void mounted.set(target, source);
  const host: MemoryHost = memoryHost({
    files: {
      "/proc/cmdline": `${cmdline}\n`,
      "/proc/uptime": "1.50 0.2\n",
      "/proc/sys/kernel/modprobe": "/sbin/modprobe\n",
      "/proc/sys/kernel/osrelease": "6.12.0\n",
      "/proc/sys/kernel/random/uuid": "some-uuid\n",
      "/sys/bus/virtio/devices/virtio0/modalias": "virtio:d00000002v00001AF4\n",
      "/sys/bus/virtio/devices/virtio1/modalias": "virtio:d00000001v00001AF4\n",
      "/dev/kmsg": "",
      "/sysroot/usr/lib/modules/6.12.0/modules.dep": "",
      "/sysroot/usr/share/k3os/image.json": IMAGE,
      ...files,
    },
    programs: {
      mount: (argv) => {
        if (argv[1] !== "-a") mount(argv.at(-2) ?? "", argv.at(-1) ?? "");
        else
          for (const line of host.readText("/etc/fstab").trim().split("\n")) {
            const [source = "", target = ""] = line.split(" ");
            mount(source, target);
          }
        return {};
      },
      cp: (argv) => {
        for (const place of ["var", "home", "opt"]) host.mkdir(`${argv.at(-1)}/${place}`);
        host.write(`${argv.at(-1)}/var/seed`, IMAGE);
        return {};
      },
      findfs: ([, tag]) => ({ stdout: tag === "LABEL=K3OS" ? "/dev/sr0\n" : "/dev/vda3\n" }),
      modprobe: () => ({}),
      e2fsck: () => ({ status: 1 }),
      sync: () => ({}),
      sh: () => ({}),
      umount: () => ({}),
    },
  });
  host.symlink("1", "/proc/self");
  host.mkdir("/sys/class/block");
  host.symlink("../../devices/pci/block/vda/vda3", "/sys/class/block/vda3");
  for (const path of ["/etc", "/sysroot/usr/local", "/sys/block/vda", "/sys/devices/pci/block/vda/vda3"])
    host.mkdir(path);
  host.write("/sys/devices/pci/block/vda/vda3/partition", "3\n");
  return { host, mounted };
}

const disk = (files: Readonly<Record<string, string>> = {}) =>
  machine("k3os.root=UUID=1-2:/k3os/system/current/root.squashfs", {
    [`${STATE}/k3os/system/config.yaml`]: "",
    "/sys/fs/ext4/vda3/errors_count": "0\n",
    ...files,
  });

/** A boot of an image that is not kept yet, with a watchdog in hardware. */
const trial = (words = "") =>
  machine(`k3os.root=UUID=1-2:/k3os/system/2-0/root.squashfs k3os.slot=b k3os.trial panic=10 ${words}`, {
    [`${STATE}/k3os/system/config.yaml`]: "",
    "/sys/fs/ext4/vda3/errors_count": "0\n",
    "/sys/class/watchdog/watchdog0/state": "inactive\n",
    "/sys/class/watchdog/watchdog0/timeout": "180\n",
    "/dev/watchdog0": "",
    "/dev/vda2": "",
    "/proc/mounts": `/dev/vda3 ${STATE} ext4 rw 0 0\n`,
  });

const machines: Readonly<Record<string, () => Machine>> = {
  "from a medium, in memory": () => machine("quiet"),
  "from a disk, for the first time": () => disk(),
  "from a disk after an upgrade": () => disk({ [`${STATE}/k3os/data/image.json`]: "image 1" }),
  "from a disk, on trial": () => trial(),
  "from a disk that is to be wiped": () =>
    disk({ [`${STATE}/k3os/data/image.json`]: IMAGE, [`${STATE}/k3os/system/factory-reset`]: "" }),
};

/** What must be mounted for OpenRC to run. */
const ROOT = [
  "/sysroot",
  ...["etc", "tmp", "var", "home", "opt", "usr/local"].map((place) => `/sysroot/${place}`),
  ...["proc", "sys", "dev", "run"].map((place) => `/sysroot/${place}`),
];

/** Calls that the root depends on. Only their failure may end the boot. */
const ESSENTIAL = [
  /^exec mount (?!.*remount)/,
  /^(stat|mkdir) \/(proc|sys|dev|run|sysroot|sysroot\/.*|run\/k3os\/(medium|state|live)(\/.*)?)$/,
  /^(write) \/etc\/fstab$/,
  /^readText \/proc\/(cmdline|sys\/kernel\/osrelease)$/,
  /^mkdir \/run\/k3os\/state\/k3os\/data\//,
];

/** Calls whose failure is an answer, or is repaired by the next try. Nothing has to be reported. */
const NO_FAULT = [/^exec (modprobe|findfs|sh|mount -t ext4|rmdir) /, /\/sys\/bus\//];

const words = ({ operation, subject }: Call) => `${operation} ${subject}`;

/** What went wrong after one call failed; empty if the boot followed the rules. */
async function violations(make: () => Machine, fault: Fault, at: number): Promise<string[] | undefined> {
  const { host: inner, mounted } = make();
  let failed: Call | undefined;
  const { host } = withFaults(inner, fault, (call, index) => {
    if (index === at) failed = call;
    return index === at;
  });
  const error: unknown = await init(host).catch((reason) => reason);
  if (failed === undefined) return undefined;
  const call = words(failed);
  const matches = (patterns: readonly RegExp[]) => patterns.some((pattern) => pattern.test(call));
  const reason = fault === "status 1" ? /ended with status 1/ : new RegExp(fault);
  const found: string[] = [];
  if (error !== undefined) {
    if (!matches(ESSENTIAL)) found.push(`ends the boot: ${error}`);
    if (!(error instanceof K3osError) || error.hint === undefined) found.push(`no way out: ${error}`);
    else if (!reason.test(error.message) || error.message.includes("\n")) found.push(`unclear: ${error.message}`);
  } else {
    found.push(...ROOT.filter((place) => !mounted.has(place)).map((place) => `not mounted: ${place}`));
    const isNoted = savedFailures(inner, "initrd").some((failure) => reason.test(failure.reason));
    const isTold = reason.test(inner.warned.join("\n"));
    const aboutNotes = /boot.json|uptime|mkdir \/run\/k3os$/.test(call);
    if (!matches(NO_FAULT) && !isTold) found.push("not told on the console");
    if (!matches(NO_FAULT) && !isNoted && !aboutNotes) found.push("not noted for the report");
  }
  return found.map((violation) => `${call}: ${violation}`);
}

describe.each(Object.entries(machines))("init %s", (_, make) => {
  it("leaves a root that OpenRC can run in, and nothing to tell", async () => {
    const { host, mounted } = make();
    await init(host);
    expect([...mounted.keys()]).toEqual(expect.arrayContaining(ROOT));
    expect(host.warned).toEqual([]);
    expect(savedFailures(host, "initrd")).toEqual([]);
    expect(readTextIf(host, "/proc/sys/kernel/modprobe")?.trim()).toBe("/sbin/modprobe");
  });

  it.each<Fault>(["ENOSPC", "EIO", "status 1"])(
    "leaves a root, or ends with one sentence and a way out, whichever call ends with %s",
    async (fault) => {
      const found: string[] = [];
      for (let at = 0; ; at++) {
        const wrong = await violations(make, fault, at);
        if (wrong === undefined) break;
        found.push(...wrong);
      }
      expect(found).toEqual([]);
    },
    60_000,
  );
});

describe("init on trial", () => {
  const opened = async ({ host }: Machine) => {
    const devices: string[] = [];
    const openForWriting = (path: string) => {
      devices.push(path);
      return host.openForWriting(path);
    };
    await init({ ...host, openForWriting });
    return devices;
  };

  it("starts a watchdog before it looks for the disk", async () => {
    const machine = trial();
    expect(await opened(machine)).toEqual(["/dev/watchdog0"]);
    const order = savedStages(machine.host).map(({ stage }) => stage);
    expect(order.indexOf("watchdog")).toBeLessThan(order.indexOf("volumes"));
  });

  it("starts none in a boot that is no trial, and none under somebody's hands", async () => {
    expect(await opened(disk({ "/sys/class/watchdog/watchdog0/timeout": "180\n", "/dev/watchdog0": "" }))).toEqual([]);
    const machine = trial("rescue");
    machine.host.write("/dev/console", "");
    expect(await opened(machine)).toEqual([]);
  });
});

describe("init", () => {
  it("mounts the root only after the drivers of its file systems and its volume are there", async () => {
    const { host } = disk();
    await init(host);
    const order = savedStages(host).map(({ stage }) => stage);
    const chain = [
      ...["kernel file systems", "kernel arguments", "init", "file system modules", "state partition"],
      ...["root image", "memory for what is written", "copy of what is writable", "writable places", "root"],
    ];
    expect(order.filter((stage) => chain.includes(stage))).toEqual(chain);
    expect(order.filter((stage) => ["volumes", "state partition"].includes(stage))).toEqual([
      "volumes",
      "state partition",
    ]);
  });

  it("copies again at the next boot what could not be copied at this one", async () => {
    const { host } = disk();
    const broken = withFaults(host, "status 1", ({ subject }) => subject.startsWith("cp ")).host;
    await init(broken);
    expect(savedFailures(host, "initrd").map(({ step }) => step)).toEqual(["copy of what is writable"]);
    expect(host.list(`${STATE}/k3os/data`)).toEqual(["home", "opt", "var"]);
    await init(host);
    expect(host.readText(`${STATE}/k3os/data/var/seed`)).toBe(IMAGE);
    expect(host.readText(`${STATE}/k3os/data/image.json`)).toBe(IMAGE);
    expect(host.list(`${STATE}/k3os`)).not.toContain("data.new");
  });

  it("wipes at the next boot what could not be wiped at this one", async () => {
    const files = { [`${STATE}/k3os/data/image.json`]: IMAGE, [`${STATE}/k3os/data/var/mine`]: "secret" };
    const { host } = disk({ ...files, [`${STATE}/k3os/system/factory-reset`]: "" });
    await init(withFaults(host, "EIO", ({ operation }) => operation === "rename").host);
    expect(host.readText(`${STATE}/k3os/data/var/mine`)).toBe("secret");
    expect(savedFailures(host, "initrd").map(({ step }) => step)).toEqual(["wipe"]);
    await init(host);
    expect(host.stat(`${STATE}/k3os/data/var/mine`)).toBeUndefined();
  });
});
