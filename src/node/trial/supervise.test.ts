import { describe, expect, it } from "vitest";
import { type MemoryHost, memoryHost, type Program } from "../../host/memory.ts";
import { curlOf, FILES, nodeNamed, type Parts } from "../health/testing.ts";
import { trialSettings, writeSettings } from "./settings.ts";
import { type Deployments, superviseTrial } from "./supervise.ts";

const WATCHDOG = "/dev/watchdog0";

interface Node {
  readonly host: MemoryHost;
  readonly parts: Parts;
  /** What the console shows, each line with its time in seconds since the kernel started. */
  readonly said: string[];
  /** What was done with the deployment. */
  readonly done: string[];
  readonly deployments: Deployments;
  /** How often the watchdog was fed, and whether it was stopped: `V`. */
  fed(): string;
}

/**
 * A machine 20 s after its kernel started, with a watchdog that the initrd has started. `change` is called at each
 * look.
 */
function onTrial(
  change: (parts: Parts, seconds: number) => void = () => {},
  programs: Record<string, Program> = {},
): Node {
  const parts: Parts = { kubelet: true, containerd: 92, api: { "/api/v1/nodes/a": { body: nodeNamed("a", "True") } } };
  const said: string[] = [];
  const done: string[] = [];
  const seconds = () => 20 + host.monotonic() / 1000;
  const curl: Program = (...call) => {
    change(parts, seconds());
    return curlOf(parts)(...call);
  };
  const inner = memoryHost({
    files: {
      ...FILES,
      "/proc/uptime": "20.00 1\n",
      "/proc/sys/kernel/hostname": "a\n",
      "/proc/sysrq-trigger": "",
      "/dev/kmsg": "",
      [WATCHDOG]: "",
      "/sys/class/watchdog/watchdog0/state": "active\n",
      "/run/k3os/mode": "local\n",
      "/etc/init.d/k3s": "",
      "/etc/runlevels/default/k3s": "",
    },
    programs: { curl, "openrc-shutdown": () => ({}), "rc-service": () => ({}), ip: () => ({}), ...programs },
  });
  const host: MemoryHost = {
    ...inner,
    poke(path, text) {
      if (path === "/dev/kmsg") said.push(`${seconds()} ${/^<3>k3os: (.*)\n$/.exec(text)?.[1]}`);
      inner.poke(path, text);
    },
  };
  const deployments: Deployments = {
    note: async (_, stage) => void done.push(`${seconds()} ${stage}`),
    keep: async (_, { readyAt } = {}) => {
      done.push(`${seconds()} kept, Ready at ${20 + Number(readyAt) / 1000}`);
      return true;
    },
    giveUp: async (_, reason) => void done.push(`${seconds()} given up: ${reason}`),
  };
  const fed = () => host.readText(WATCHDOG);
  return { host, parts, said, done, deployments, fed };
}

const trial = { slot: "b", version: "0.32.0", digest: "sha256:0" } as const;

async function run(node: Node, settings: Parameters<typeof trialSettings>[0] = {}): Promise<Node> {
  writeSettings(node.host, trialSettings(settings, "server"));
  await superviseTrial(node.host, trial, node.deployments);
  return node;
}

const programsOf = ({ host }: Node) =>
  host.ran.map((argv) => argv.join(" ")).filter((words) => !words.startsWith("curl"));

describe("a trial of a healthy node", () => {
  it("is kept after it was Ready for long enough, and says so line by line", async () => {
    const node = await run(
      onTrial((parts, seconds) => {
        parts.kubelet = seconds >= 30;
      }),
    );
    expect(node.said.slice(0, 3)).toEqual([
      "20 trial of 0.32.0: the kubelet does not report itself healthy",
      "30 trial of 0.32.0: Ready, stable for 0 of 30 s",
      "35 trial of 0.32.0: Ready, stable for 5 of 30 s",
    ]);
    expect(node.said.at(-1)).toBe("60 trial of 0.32.0: Ready for 30 s; it is kept");
    expect(node.done).toEqual(["20 services", "30 k3s", "30 ready", "60 kept, Ready at 30"]);
  });

  it("feeds the watchdog that the initrd has started at each look, and stops it at the end", async () => {
    const node = await run(onTrial());
    expect(node.fed()).toBe(`${".".repeat(6)}V`);
    expect(programsOf(node)).toEqual([]);
  });

  it("asks its neighbours only if that decides, and every 20 s", async () => {
    const gateway = { stdout: JSON.stringify([{ dst: "default", gateway: "10.0.2.2", dev: "eth0" }]) };
    const asked: number[] = [];
    const node = onTrial(
      (parts, seconds) => {
        parts.kubelet = seconds >= 30;
      },
      {
        ip: (argv) => (argv.includes("-4") ? gateway : {}),
        ping: () => {
          asked.push(20 + node.host.monotonic() / 1000);
          return {};
        },
      },
    );
    writeSettings(node.host, trialSettings({}, "server"));
    await superviseTrial(node.host, { ...trial, heard: true }, node.deployments);
    expect(asked).toEqual([30, 50]);
    expect(node.said.at(-1)).toBe("60 trial of 0.32.0: Ready for 30 s; it is kept");
  });

  it("has a service feed the watchdog from then on, if the config asks for it", async () => {
    const node = await run(onTrial(), { watchdog: true });
    expect(node.fed()).toMatch(/V$/);
    expect(programsOf(node)).toEqual(["rc-service watchdog start"]);
    expect(node.host.readLink("/etc/init.d/watchdog")).toBe("/usr/lib/k3os/services/watchdog");
  });

  it("counts Ready from its last beginning", async () => {
    const node = await run(
      onTrial((parts, seconds) => {
        parts.kubelet = seconds !== 40;
      }),
    );
    expect(node.done.at(-1)).toBe("75 kept, Ready at 45");
  });

  it("is kept without a watchdog, and says that there is none", async () => {
    const node = onTrial();
    node.host.remove("/sys/class/watchdog");
    await run(node);
    expect(node.done.at(-1)).toBe("50 kept, Ready at 20");
    expect(node.said.join("\n")).toContain("no watchdog: this machine has no watchdog");
  });

  it("is kept although its stages cannot be noted", async () => {
    const node = onTrial();
    const note = () => Promise.reject(new Error("no ESP"));
    await superviseTrial(node.host, trial, { ...node.deployments, note });
    expect(node.done).toEqual(["50 kept, Ready at 20"]);
    expect(node.said[0]).toContain("the stage cannot be noted: Error: no ESP");
  });

  it("is tried to be kept until the deadline if that fails, and given up then", async () => {
    const node = onTrial();
    let tries = 0;
    const keep = async () => {
      tries++;
      throw new Error("the ESP is read-only");
    };
    await superviseTrial(node.host, trial, { ...node.deployments, keep });
    expect(tries).toBe(111);
    expect(node.done.at(-1)).toBe("600 given up: it could not be kept: Error: the ESP is read-only");
  });
});

describe("a trial of a node that is never healthy", () => {
  const ill = () =>
    onTrial((parts) => {
      parts.api = undefined;
    });

  it("is given up at the deadline, and restarts the machine", async () => {
    const node = await run(ill(), { upgrade: { deadline: "5m" } });
    const reason = "not Ready within 5 min: the API does not answer: Failed to connect to 127.0.0.1 port 6443";
    expect(node.done).toEqual(["20 services", "20 k3s", `300 given up: ${reason}`]);
    expect(node.said.at(-1)).toBe(
      `300 trial of 0.32.0: ${reason}; it is given up, and this machine restarts with the system before`,
    );
    expect(programsOf(node)).toEqual(["openrc-shutdown --reboot now"]);
  });

  it("feeds the watchdog for two more minutes, and then lets it, or the kernel, reset the machine", async () => {
    const node = await run(ill());
    const looks = (600 - 20) / 5;
    expect(node.fed()).toBe(".".repeat(looks + 120 / 15));
    expect(node.host.readText("/proc/sysrq-trigger")).toBe("b");
  });

  it("restarts even if nothing can be noted", async () => {
    const node = ill();
    const giveUp = () => Promise.reject(new Error("no ESP"));
    await superviseTrial(node.host, trial, { ...node.deployments, giveUp });
    expect(node.said.at(-1)).toContain("this could not be noted: Error: no ESP");
    expect(programsOf(node)).toEqual(["openrc-shutdown --reboot now"]);
  });

  it("is not healthy if it cannot be observed", async () => {
    const node = onTrial();
    node.host.remove("/var/lib/rancher/k3s/agent/kubelet.kubeconfig");
    node.host.mkdir("/var/lib/rancher/k3s/agent/kubelet.kubeconfig");
    await run(node);
    expect(node.done.at(-1)).toMatch(
      /^600 given up: not Ready within 10 min: the node cannot be observed: read .*EISDIR/,
    );
  });
});

describe("a trial that was given up before", () => {
  it("restarts at once, looks at nothing, and feeds no watchdog until then", async () => {
    const node = onTrial();
    await superviseTrial(node.host, { ...trial, refused: "it was not Ready within 10 min" }, node.deployments);
    expect(node.done).toEqual(["20 given up: it was not Ready within 10 min"]);
    expect(node.host.ran).toEqual([["openrc-shutdown", "--reboot", "now"]]);
    expect(node.fed()).toBe("");
  });
});

describe("a trial with checks of the user", () => {
  const checks = [{ name: "web", command: "curl -f http://web/", timeout: "5m" }];

  it("runs them once the node is stable, and is kept when they pass", async () => {
    const times: number[] = [];
    const node = onTrial(() => {}, {
      sh: () => {
        times.push(20 + node.host.monotonic() / 1000);
        return { status: times.length < 2 ? 7 : 0, stderr: "curl: (7) refused\n" };
      },
    });
    await run(node, { upgrade: { checks } });
    expect([times[0], times.length]).toEqual([50, 2]);
    expect(node.said.at(-2)).toContain("Ready, waiting for the check web: status 7, curl: (7) refused");
    expect(node.done.at(-1)).toContain("kept, Ready at 20");
  });

  it("is given up at the deadline if they do not", async () => {
    const node = await run(
      onTrial(() => {}, { sh: () => ({ status: 7 }) }),
      { upgrade: { checks } },
    );
    expect(node.done.at(-1)).toMatch(/given up: a check did not pass within 10 min: web: status 7$/);
  });

  it("feeds the watchdog while a check runs for long", async () => {
    let fedMeanwhile = "";
    const node = onTrial(() => {}, {
      sh: () =>
        new Promise((resolve) => {
          const wait = async () => {
            for (let naps = 0; naps < 10; naps++) await node.host.sleep(0);
            fedMeanwhile = node.fed();
            resolve({ status: 0 });
          };
          void wait();
        }),
    });
    await run(node, { upgrade: { checks } });
    expect(fedMeanwhile.length).toBeGreaterThan(6);
  });
});
