import { describe, expect, it } from "vitest";
import { memoryHost, type Program } from "../../host/memory.ts";
import { curlOf, FILES, nodeNamed, type Parts } from "../health/testing.ts";
import { catchPrinted } from "../testing.ts";
import { statusCommand } from "./status.ts";

const printed = catchPrinted();

const LOG = "/var/log/k3s-service.log";

/** `k3os status` on the node `a`. Returns its exit status. */
function status(
  args: readonly string[],
  change: Partial<Parts> = {},
  files: Readonly<Record<string, string>> = {},
  programs: Readonly<Record<string, Program>> = {},
) {
  const api = { "/api/v1/nodes/a": { body: nodeNamed("a", "True") } };
  const parts = { kubelet: true, containerd: 92, api, ...change };
  const host = memoryHost({
    files: {
      ...FILES,
      "/proc/sys/kernel/hostname": "a\n",
      "/proc/uptime": "71.4 1\n",
      "/proc/mounts": "",
      "/run/k3os/mode": "local\n",
      "/usr/share/k3os/image.json": '{ "version": "1.2.3", "flavour": "metal" }',
      ...files,
    },
    programs: {
      curl: curlOf(parts),
      ip: () => ({ stdout: '[{"ifname":"eth0","addr_info":[{"local":"10.0.2.15"}]}]' }),
      "rc-service": () => ({ stdout: " * status: started\n" }),
      grep: () => ({ stdout: "Nov 29 01:00:00 a local0.info k3s: fatal: the disk is full\n" }),
      ...programs,
    },
  });
  return statusCommand(host, args);
}

describe("k3os status", () => {
  it("says in four lines that a node is well", async () => {
    expect(await status([])).toBe(0);
    expect(printed).toEqual([
      "a: k3OS 1.2.3 metal, local, up 71 s",
      "addresses  10.0.2.15",
      "k3s        started",
      "node       Ready",
    ]);
  });

  it("says why a node is not Ready", async () => {
    const api = { "/api/v1/nodes/a": { body: nodeNamed("a", "False", "the network is missing") } };
    expect(await status([], { api, containerd: 28 })).toBe(1);
    expect(printed.slice(3)).toEqual([
      "node       not Ready",
      "           containerd does not answer",
      "           the node is not Ready: the network is missing",
    ]);
  });

  it("tells that k3s ended, how often, and with what words", async () => {
    const files = { "/run/openrc/options/k3s/start_count": "6", [LOG]: "" };
    expect(await status([], { api: undefined, kubelet: false }, files)).toBe(1);
    expect(printed.slice(2)).toEqual([
      "k3s        started, 6 restarts",
      "           k3s: fatal: the disk is full",
      "node       the API does not answer yet",
      "           the kubelet does not report itself healthy",
    ]);
  });

  it("says why an agent has not joined yet, and not what follows from that", async () => {
    const joining = { "/run/k3s/joining": "the token is not that of this cluster\n" };
    expect(await status([], { api: undefined, kubelet: false }, joining)).toBe(1);
    expect(printed.slice(2)).toEqual([
      "k3s        started",
      "           has not joined its cluster: the token is not that of this cluster",
      "node       the API does not answer yet",
    ]);
    printed.length = 0;
    await status(["--json"], { api: undefined }, joining);
    expect(JSON.parse(printed.join("\n"))).toMatchObject({ not_joined: "the token is not that of this cluster" });
  });

  it("says why the API of a server does not answer", async () => {
    const keys = ["certificate-authority-data", "client-certificate-data", "client-key-data"];
    const admin = `server: https://127.0.0.1:6443\n${keys.map((key) => `${key}: YQ==\n`).join("")}`;
    const etcd = { "/var/lib/rancher/k3s/server/db/etcd/member/wal": "", "/etc/rancher/k3s/k3s.yaml": admin };
    const call = "0: 0100050A:8D28 0300050A:094C 02\n";
    const failed = { status: 500, body: "" };
    const api = { "/api/v1/nodes/a": failed, "/readyz/etcd": failed };
    expect(await status([], { api }, { ...etcd, "/proc/net/tcp": call })).toBe(1);
    expect(printed.slice(2)).toEqual([
      "k3s        started",
      "node       the API does not answer yet",
      "           etcd has no majority: 10.5.0.3 does not answer at port 2380",
    ]);
  });

  it("tells what a node that upgrades itself did last", async () => {
    const auto = { "/proc/cmdline": "k3os.upgrade.auto=true\n" };
    await status([], {}, auto);
    expect(printed.at(-1)).toBe("auto       has not looked at its channel yet");
    const note = { at: Date.UTC(2026, 10, 29, 1), state: "ChannelStale", message: "the channel has expired" };
    const files = { ...auto, "/var/lib/rancher/k3os/upgrade/auto.json": JSON.stringify(note) };
    await status([], {}, files);
    expect(printed.at(-1)).toBe("auto       the channel has expired (2026-11-29 01:00 UTC)");
    printed.length = 0;
    await status(["--json"], {}, files);
    expect(JSON.parse(printed.join("\n"))).toMatchObject({ auto: note });
  });

  it("tells what the cluster says of its config", async () => {
    const revision = `sha256:${"0123456789abcdef".repeat(4)}`;
    const parts = ["10-a", "20-b"].map((name) => ({ name, generation: 2, text: "k3os: { labels: { a: b } }\n" }));
    const file = { "/var/lib/rancher/k3os/cluster.json": JSON.stringify({ format: 1, revision, parts }) };
    await status([], {}, file);
    expect(printed.at(-1)).toBe("cluster    config sha256:0123456789ab of MachineConfigs 10-a, 20-b");
    printed.length = 0;
    await status(["--json"], {}, file);
    const configs = parts.map(({ name, generation }) => ({ name, generation }));
    expect(JSON.parse(printed.join("\n"))).toMatchObject({ cluster_config: { revision, configs } });
    printed.length = 0;
    await status([], {}, { ...file, "/proc/cmdline": "k3os.cluster_config=off\n" });
    expect(printed.join("\n")).not.toContain("cluster");
  });

  it("tells what firmware a driver did not find, at the end of the boot or later, and stays well", async () => {
    const lacks = (at: string, file: string) =>
      `[ 4.1] e100 ${at}: Direct firmware load for ${file} failed with error -2`;
    const files = {
      "/usr/share/k3os/image.json": '{ "version": "1.2.3", "packages": ["bash 5"] }',
      "/usr/share/k3os/firmware.json": JSON.stringify({
        packages: { "firmware-intel-misc": ["e100/**"] },
        metal: ["firmware-intel-misc"],
      }),
      "/usr/lib/firmware/e100/there.bin": "",
      "/run/k3os/firmware.log": `${lacks("0:3", "e100/a.bin")}\n`,
    };
    const log = ["0:3 e100/a.bin", "0:4 e100/there.bin", "0:5 other.bin"].map((one) => {
      const [at = "", file = ""] = one.split(" ");
      return lacks(at, file);
    });
    const dmesg = () => ({ stdout: `${log.join("\n")}\n` });
    expect(await status([], {}, files, { dmesg })).toBe(0);
    expect(printed.slice(4)).toEqual([
      expect.stringMatching(/^firmware {3}e100 0:3 did not find e100\/a.bin: add firmware-intel-misc .*flavour metal/),
      expect.stringMatching(/^firmware {3}e100 0:5 did not find other.bin: no package/),
    ]);
    printed.length = 0;
    await status(["--json"], {}, files);
    const missing = { device: "e100 0:3", file: "e100/a.bin", package: "firmware-intel-misc" };
    expect(JSON.parse(printed.join("\n")).missing_firmware).toMatchObject([missing]);
  });

  it("has each check for scripts", async () => {
    expect(await status(["--json"])).toBe(0);
    const { ready, k3s, checks } = JSON.parse(printed.join("\n"));
    expect([ready, k3s]).toEqual(["True", { state: "started", restarts: 0, restart_due: false }]);
    expect(checks.map(({ name, good }: { name: string; good: boolean }) => `${name} ${good}`)).toEqual(
      ["k3s", "containerd", "kubelet", "api", "node"].map((name) => `${name} true`),
    );
  });
});
