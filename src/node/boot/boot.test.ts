import { describe, expect, it } from "vitest";
import { readTextIf } from "../../host/files.ts";
import type { MemoryHost } from "../../host/memory.ts";
import { type Call, type Fault, withFaults } from "../../host/testing.ts";
import { statusCommand } from "../cli/status.ts";
import { bootFailures, lastReport } from "../report.ts";
import { type Stage, savedStages } from "../stages.ts";
import { catchPrinted } from "../testing.ts";
import { boot } from "./boot.ts";
import { nodeAtBoot } from "./testing.ts";

const printed = catchPrinted();

/** Something that a boot does, and the only calls whose failure may prevent it. */
interface Effect {
  readonly isThere: (host: MemoryHost) => boolean;
  readonly about: RegExp;
}

const has = (path: string, text: string) => (host: MemoryHost) => readTextIf(host, path)?.includes(text) === true;
const links = (path: string, target: string) => (host: MemoryHost) =>
  host.stat(path)?.type === "link" && host.readLink(path) === target;
const runs = (words: string) => (host: MemoryHost) => host.ran.some((argv) => argv.join(" ").startsWith(words));

const seed = /blkid|cidata|^mkdir \/run\/config$/;
const effects: Readonly<Record<string, Effect>> = {
  "keys of the highest layer that could be read": {
    isThere: has("/etc/ssh/authorized_keys.d/rancher", "ssh-ed25519"),
    about: /\/etc\/ssh\/authorized_keys.d/,
  },
  "layer system": {
    isThere: runs("modprobe nbd"),
    about: /\/k3os\/system\/config.yaml|modprobe nbd/,
  },
  "layer cmdline: boot_cmd": {
    isThere: (host) => host.stat("/run/ran-from-cmdline") !== undefined,
    about: /\/proc\/cmdline|sh -c from-cmdline/,
  },
  "layer cmdline: labels": {
    isThere: has("/etc/conf.d/k3s", "--node-label=zone=a"),
    about: /\/proc\/cmdline|\/etc\/conf.d/,
  },
  "layer cmdline: run_cmd": {
    isThere: links("/etc/runlevels/default/k3os-apply", "/etc/init.d/k3os-apply"),
    about: /\/proc\/cmdline|runlevels\/default\/k3os-apply/,
  },
  "layer local": {
    isThere: has("/etc/chrony/sources.d/k3os.sources", "ntp.local"),
    about: /k3os\/config.yaml|\/etc\/chrony/,
  },
  "layer meta-data": {
    isThere: has("/etc/ssh/authorized_keys.d/rancher", "metadata"),
    about: new RegExp(`${seed.source}|meta-data|authorized_keys`),
  },
  "layer userdata: file": {
    isThere: has("/var/from-userdata", "x"),
    about: new RegExp(`${seed.source}|user-?data|/var/from-userdata|^mkdir /var$`),
  },
  "layer userdata: sysctl": {
    isThere: has("/proc/sys/vm/swappiness", "7"),
    about: new RegExp(`${seed.source}|user-?data|swappiness`),
  },
  "layer drop-in": {
    isThere: has("/etc/resolv.conf.head", "10.9.8.7"),
    about: /config.d|resolv.conf.head|^mkdir \/etc$/,
  },
  "host name": {
    isThere: (host) => !["(none)", "(none)\n"].includes(host.readText("/proc/sys/kernel/hostname")),
    about: /\/proc\/sys\/kernel\/hostname/,
  },
  "name of the node": {
    isThere: has("/etc/conf.d/k3s", "--node-name="),
    about: /\/node-name|\/etc\/conf.d/,
  },
  "machine-id": { isThere: (host) => (host.stat("/etc/machine-id")?.size ?? 0) > 0, about: /machine-id|random\/uuid/ },
  "host keys": {
    isThere: links("/etc/ssh/ssh_host_ed25519_key", "/var/lib/rancher/k3os/ssh/ssh_host_ed25519_key"),
    about: /ssh_host|k3os\/ssh$/,
  },
  console: {
    isThere: (host) =>
      links("/etc/runlevels/default/console.ttyS0", "/etc/init.d/console.ttyS0")(host) &&
      host.stat("/etc/runlevels/default/console.ttyAMA0") === undefined,
    about: /console|\/dev\/ttyS0/,
  },
  images: {
    isThere: links("/var/lib/rancher/k3s/agent/images/pause.tar", "/usr/share/k3os/images/pause.tar"),
    about: /k3s\/agent\/images|k3os\/images/,
  },
  manifests: {
    isThere: links("/var/lib/rancher/k3s/server/manifests/coredns.yaml", "/usr/share/k3os/manifests/coredns.yaml"),
    about: /manifests/,
  },
  "no checkpoints of another kubelet": {
    isThere: (host) => host.stat("/var/lib/kubelet/cpu_manager_state") === undefined,
    about: /kubelet|image.json/,
  },
  "sysctls of the image": { isThere: has("/proc/sys/kernel/panic", "10"), about: /sysctl.d|kernel\/panic/ },
  "early drivers": { isThere: (host) => host.ran.flat().includes("br_netfilter"), about: /modprobe|modules-load.d/ },
  "all drivers": { isThere: (host) => host.ran.flat().includes("pci:v00001234"), about: /modprobe|bus\/pci/ },
  "devices that come later": { isThere: runs("mdev -d"), about: /mdev/ },
  "names of disks": { isThere: runs("/usr/lib/k3os/name-disks --detach"), about: /name-disks/ },
  "file systems": { isThere: runs("mount -a"), about: /mount -a/ },
  propagation: { isThere: runs("mount --make-rshared /"), about: /rshared/ },
  loopback: { isThere: runs("ip link set lo up"), about: /ip link/ },
  "links in /dev": { isThere: links("/dev/stderr", "/proc/self/fd/2"), about: /\/dev\/stderr/ },
  "all of the disk": { isThere: runs("resize2fs"), about: /mounts|\/sys\/class\/block|filled|sfdisk|partx|resize2fs/ },
  "UUID of the disk": { isThere: runs("tune2fs"), about: /mounts|tune2fs|\/proc\/cmdline/ },
  "what was discarded": { isThere: runs("ionice"), about: /mounts|discarded|ionice/ },
  "addresses at the login prompt": {
    isThere: has("/etc/issue.d/10-addresses.issue", "eth0"),
    about: /issue|\/sys\/class\/net/,
  },
};

/** Calls whose failure is an answer. Nothing has to be reported. */
const NO_FAULT = [
  // Modules that this system does not have are skipped.
  /^exec modprobe -a/,
  // The device disappeared after its bus was listed.
  /modalias$/,
  // A disk need not answer.
  /\/sys\/block\/vda\/(size|ro|removable|nsid|wwid|serial|device)/,
  // Nothing waits for it. The next boot deletes what it leaves.
  /^exec ionice/,
];

const words = ({ operation, subject }: Call) => `${operation} ${subject}`;
const named = (host: MemoryHost) =>
  savedStages(host)
    .map(({ stage }) => stage)
    .sort();

async function faultless() {
  const host = nodeAtBoot();
  const { host: watched, calls } = withFaults(host, "EIO", () => false);
  await boot(watched);
  return { host, stages: named(host), subjects: new Set(calls.map(({ subject }) => subject)) };
}

async function bootWith(fault: Fault, fails: (call: Call, index: number) => boolean) {
  const inner = nodeAtBoot();
  const failed: Call[] = [];
  const { host } = withFaults(inner, fault, (call, index) => {
    const isFailing = fails(call, index);
    if (isFailing) failed.push(call);
    return isFailing;
  });
  await boot(host);
  return { host: inner, failed };
}

/** What went wrong in a boot during which these calls failed; empty if the boot followed the rules. */
function violations(host: MemoryHost, fault: Fault, failed: readonly Call[], stages: readonly string[]): string[] {
  const calls = failed.map(words);
  const about = (pattern: RegExp) => calls.some((call) => pattern.test(call));
  const lost = Object.entries(effects).filter(([, { isThere, about: costs }]) => !about(costs) && !isThere(host));
  const skipped = about(/boot.json|\/proc\/uptime|^mkdir \/run\/k3os$/)
    ? []
    : stages.filter((stage) => !named(host).includes(stage));
  const told = [...host.warned, ...printed].join("\n");
  const { failures } = lastReport(host);
  const reason = fault === "status 1" ? /ended with status 1/ : new RegExp(fault);
  const reported = failures.some((failure) => reason.test(failure.reason));
  const login = readTextIf(host, "/etc/issue.d/50-config.issue") ?? "";
  const isAnswer = NO_FAULT.some((pattern) => calls.every((call) => pattern.test(call)));
  return [
    ...lost.map(([name]) => `lost: ${name}`),
    ...skipped.map((stage) => `skipped: ${stage}`),
    ...(isAnswer || reason.test(told) ? [] : ["not told on the console"]),
    ...(isAnswer || reported || about(/report.json/) ? [] : ["not in report.json"]),
    ...(isAnswer || reason.test(login) || about(/report.json|issue.d/) ? [] : ["not at the login prompt"]),
  ].map((violation) => `${calls.join(", ")}: ${violation}`);
}

describe("boot", () => {
  it("does all of this when nothing fails, and has nothing to report", async () => {
    const { host } = await faultless();
    const missing = Object.entries(effects).filter(([, { isThere }]) => !isThere(host));
    expect(missing).toEqual([]);
    expect(lastReport(host)).toEqual({ problems: [], failures: [] });
    expect([...host.warned, ...printed]).toEqual([]);
  });

  it("does what depends on other stages after them", async () => {
    const { host } = await faultless();
    const order = savedStages(host).map(({ stage }) => stage);
    const chains = [
      ["early drivers", "modules", "sysctls", "configuration", "images", "report", "config"],
      ["kernel interfaces", "modules"],
      ["identity", "data source", "layers", "host name", "node name", "facts", "due steps", "configuration"],
      ["configuration", "service links", "notes", "report"],
      ["disk", "report"],
      ["hotplug", "names of disks", "report"],
      ["hotplug", "all drivers"],
    ];
    for (const chain of chains) expect(order.filter((stage) => chain.includes(stage))).toEqual(chain);
  });

  it("gives no stage the name of a mark, which readers of boot.json go by", async () => {
    const { host } = await faultless();
    const isMark = ({ duration_s }: Stage) => duration_s === undefined;
    expect(
      savedStages(host)
        .filter(isMark)
        .map(({ stage }) => stage),
    ).toEqual(["init", "modules", "config"]);
    expect(new Set(named(host)).size).toBe(named(host).length);
  });

  describe("with a seed volume that cannot be mounted", () => {
    const damaged = () =>
      bootWith("status 1", ({ subject }) => subject === "mount -t auto -o ro /dev/sr0 /run/k3os/cidata");

    it("applies every other layer, with the keys of the system's", async () => {
      const { host } = await damaged();
      expect(host.readText("/etc/ssh/authorized_keys.d/rancher")).toMatch(/^ssh-ed25519 \S+ system\n$/);
      expect(host.stat("/run/ran-from-cmdline")).toBeDefined();
      expect(host.readText("/etc/conf.d/k3s")).toContain("zone=a");
      expect(host.readText("/etc/resolv.conf.head")).toContain("10.9.8.7");
    });

    it("tells so in the report, which later reports keep, and in k3os status", async () => {
      const { host } = await damaged();
      const reason = "mount -t auto -o ro /dev/sr0 /run/k3os/cidata ended with status 1";
      const failure = { step: "data source", reason, boot: true };
      expect(lastReport(host).failures).toEqual([failure]);
      expect(bootFailures(host)).toEqual([failure]);
      expect(host.warned).toEqual([`k3os: data source: ${reason}\n`]);
      expect(await statusCommand(host, [])).toBe(1);
      expect(printed).toContain(`error: data source: ${reason}`);
    });

    it("asks the next source", async () => {
      const inner = nodeAtBoot();
      const cmdline = inner.readText("/proc/cmdline").trim();
      inner.write("/proc/cmdline", `${cmdline} k3os.data_sources=cdrom k3os.data_sources=file=/opt/node.yaml\n`);
      inner.mkdir("/opt");
      inner.write("/opt/node.yaml", "hostname: from-file\n");
      await boot(withFaults(inner, "status 1", ({ subject }) => /^mount .*cidata/.test(subject)).host);
      expect(inner.readText("/etc/hostname")).toBe("from-file\n");
      expect(lastReport(inner).failures).toHaveLength(1);
    });
  });

  it("corrects the clock before it notes when an earlier trial was given up", async () => {
    const { host } = await faultless();
    const order = savedStages(host).map(({ stage }) => stage);
    expect(order.filter((name) => ["earlier trial", "clock"].includes(name))).toEqual(["clock", "earlier trial"]);
  });

  it("reports what failed in the initrd", async () => {
    const host = nodeAtBoot();
    host.append(
      "/run/k3os/boot.json",
      '{"stage":"wipe","uptime_s":2,"part":"initrd","duration_s":0.1,"failed":"no room"}\n',
    );
    await boot(host);
    expect(lastReport(host).failures).toEqual([{ step: "wipe", reason: "no room", boot: true }]);
  });

  it("starts the supervisor of a trial only on trial", async () => {
    const [host, { host: other }] = [nodeAtBoot(), await faultless()];
    host.write("/proc/cmdline", `${host.readText("/proc/cmdline").trim()} k3os.slot=b k3os.trial\n`);
    await boot(host);
    expect(host.list("/etc/runlevels/default")).toContain("k3os-trial");
    expect(JSON.parse(host.readText("/run/k3os/trial.json"))).toMatchObject({ role: "server", deadlineS: 600 });
    expect(other.list("/etc/runlevels/default")).not.toContain("k3os-trial");
    expect(lastReport(host)).toEqual({ problems: [], failures: [] });
  });

  it("starts the service that upgrades the node only if the config wants it", async () => {
    const host = nodeAtBoot();
    host.write("/proc/cmdline", `${host.readText("/proc/cmdline").trim()} k3os.upgrade.auto=true\n`);
    await boot(host);
    expect(host.readLink("/etc/runlevels/default/k3os-auto")).toBe("/etc/init.d/k3os-auto");
    const { host: other } = await faultless();
    expect(other.list("/etc/runlevels/default")).not.toContain("k3os-auto");
  });

  it("opens no login on the console because the mode cannot be read", async () => {
    const { host } = await bootWith("EIO", ({ subject }) => subject === "/run/k3os/mode");
    expect(host.readText("/etc/shadow")).toContain("rancher:*:");
  });

  it("overwrites no manifest of which it cannot tell whose it is", async () => {
    const inner = nodeAtBoot();
    const manifest = "/var/lib/rancher/k3s/server/manifests/mine.yaml";
    inner.append("/k3os/system/config.yaml", "  manifests:\n  - name: mine\n    content: 'kind: Of the config'\n");
    inner.mkdir("/var/lib/rancher/k3s/server/manifests");
    inner.write(manifest, "kind: Of the user\n");
    await boot(withFaults(inner, "EIO", ({ subject }) => subject === "/var/lib/rancher/k3os/manifests/mine.yaml").host);
    expect(inner.readText(manifest)).toBe("kind: Of the user\n");
    expect(lastReport(inner).failures.map(({ step }) => step)).toContain(
      "put the manifest mine.yaml where k3s finds it",
    );
  });

  it.each<Fault>(["ENOSPC", "EIO", "status 1"])(
    "loses no more than what fails, whichever call ends with %s",
    async (fault) => {
      const { stages } = await faultless();
      const found: string[] = [];
      for (let at = 0, isReached = true; isReached; at++) {
        printed.length = 0;
        const { host, failed } = await bootWith(fault, (_, index) => index === at);
        isReached = failed.length > 0;
        if (isReached) found.push(...violations(host, fault, failed, stages));
      }
      expect(found).toEqual([]);
    },
    120_000,
  );

  it("loses no more than what fails, whichever file cannot be used at all", async () => {
    const { stages, subjects } = await faultless();
    const found: string[] = [];
    for (const subject of subjects) {
      printed.length = 0;
      const { host, failed } = await bootWith("EIO", (call) => call.subject === subject);
      found.push(...violations(host, "EIO", failed, stages));
    }
    expect(found).toEqual([]);
  }, 120_000);
});
