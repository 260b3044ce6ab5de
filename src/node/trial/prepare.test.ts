import { describe, expect, it } from "vitest";
import type { Step } from "../../config/index.ts";
import { memoryHost } from "../../host/memory.ts";
import { prepareTrial } from "./prepare.ts";
import { readSettings, trialSettings } from "./settings.ts";

const agent: Step = { phase: "boot", kind: "k3s", role: "agent", args: [], environment: {} };
const machine = () =>
  memoryHost({
    files: {
      "/run/k3os/mode": "local",
      "/proc/cmdline": "quiet",
      "/etc/runlevels/default/k3s": "",
      "/etc/init.d/k3s": "",
    },
  });

describe("prepareTrial", () => {
  it("enables the supervisor and leaves it what it goes by, for root only", async () => {
    const host = machine();
    await prepareTrial(host, { k3os: {} }, [agent]);
    expect(host.readLink("/etc/runlevels/default/k3os-trial")).toBe("/etc/init.d/k3os-trial");
    expect(host.readLink("/etc/init.d/k3os-trial")).toBe("/usr/lib/k3os/services/k3os-trial");
    expect(readSettings(host)).toMatchObject({ role: "agent", deadlineS: 600, stableForS: 30, checks: [] });
    expect(host.stat("/run/k3os/trial.json")?.mode).toBe(0o600);
  });

  it("goes by what the pool says before what the config says, in the trial that the pool asked for", async () => {
    const host = machine();
    host.write("/proc/cmdline", "k3os.trial k3os.slot=b quiet");
    host.mkdir("/run/k3os/state/k3os/system");
    const candidate = { slot: "b", version: "2.0", digest: "sha256:2", phase: "armed" };
    host.write("/run/k3os/state/k3os/system/deployments.json", JSON.stringify({ format: 1, refused: [], candidate }));
    host.mkdir("/var/lib/rancher/k3os");
    const note = (key: string) =>
      host.write(
        "/var/lib/rancher/k3os/agent.json",
        JSON.stringify({ work: { reason: "Image", key, trial: { deadline: "20m", checks } } }),
      );
    const matchLabels = { app: "nginx", tier: "front" };
    const checks = [
      { name: "ingress", pods: { namespace: "ingress", matchLabels } },
      { name: "all", pods: { namespace: "shop" } },
    ];
    const command = (name: string) => ({ name, command: "true" });
    const upgrade = { deadline: "5m", stable_for: "10s", checks: [command("line"), command("ingress")] };
    note("sha256:2");
    await prepareTrial(host, { k3os: { upgrade } }, [agent]);
    expect(readSettings(host)).toMatchObject({ deadlineS: 1200, stableForS: 10 });
    expect(readSettings(host).checks).toEqual([
      { ...command("line"), timeoutS: 30 },
      { name: "ingress", pods: { namespace: "ingress", selector: "app=nginx,tier=front" } },
      { name: "all", pods: { namespace: "shop" } },
    ]);
    note("sha256:1");
    await prepareTrial(host, { k3os: { upgrade } }, [agent]);
    expect(readSettings(host)).toMatchObject({ deadlineS: 300, checks: [{ name: "line" }, { name: "ingress" }] });
  });

  it("takes a node of which nothing is known for a server", async () => {
    const host = machine();
    expect(readSettings(host).role).toBe("server");
    await prepareTrial(host, {}, []);
    expect(readSettings(host).role).toBe("server");
  });
});

describe("trialSettings", () => {
  it("has what the config says, in seconds", () => {
    const pods = { namespace: "web", selector: "app=nginx" };
    const checks = [
      { name: "line", command: "true" },
      { name: "slow", command: "true", timeout: "2m" },
      { name: "pods", pods },
    ];
    const upgrade = { deadline: "1h30m", stable_for: "0s", checks };
    expect(trialSettings({ upgrade, watchdog: true }, "server")).toEqual({
      role: "server",
      deadlineS: 5400,
      stableForS: 0,
      checks: [
        { name: "line", command: "true", timeoutS: 30 },
        { name: "slow", command: "true", timeoutS: 120 },
        { name: "pods", pods },
      ],
      watchdog: true,
    });
  });

  it("has defaults", () => {
    const defaults = { role: "server", deadlineS: 600, stableForS: 30, checks: [], watchdog: false };
    expect(trialSettings({}, "server")).toEqual(defaults);
    expect(trialSettings({ upgrade: {} }, "server")).toEqual(defaults);
  });
});
