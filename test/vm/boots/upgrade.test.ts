import { beforeAll, describe, expect, it } from "vitest";
import { build } from "../../../src/build/index.ts";
import { awaitOutcome, sendImage, statusOf } from "../../../src/cli/upgrading/upgrade.ts";
import { channelPath, formatIndex } from "../../../src/image/index-json.ts";
import { silent } from "../../../src/progress.ts";
import { fromDisk } from "../support/disks.ts";
import { useMachine } from "../support/machine.ts";
import { stubImage } from "../support/stub-k3s.ts";
import { slotsOf, stubDisk } from "../support/trials.ts";

const node = useMachine("test-upgrade");
const { signal } = new AbortController();

beforeAll(async () => {
  await node.start({ boot: fromDisk(), disks: [await stubDisk(node.directory)] });
  await node.reachable();
});

describe("./k3os upgrade", { timeout: 600_000 }, () => {
  it("brings an image to a machine, and waits until it is kept", async () => {
    const image = await build({ spec: stubImage("other"), usualFlavour: "cloud" });
    const answer = await sendImage(node.machine, image.dir, { signal }, silent);
    expect(answer).toMatchObject({ state: "armed", slot: "b" });
    const phases = new Set<string>();
    const outcome = await awaitOutcome(
      node.machine,
      { ...answer, before: undefined },
      { timeoutMs: 300_000, signal, onPhase: (phase) => phases.add(phase) },
    );
    expect(outcome).toMatchObject({ kept: true, version: answer.version, runs: answer.version });
    expect([...phases]).toContain("the machine restarts");
    expect(await sendImage(node.machine, image.dir, { signal }, silent)).toMatchObject({ state: "current" });
  });

  it("has the boot loader follow", async () => {
    const loader = JSON.parse(await node.node("sudo cat /run/k3os/state/k3os/system/loader.json"));
    const system = await node.node("sudo readlink /k3os/system/current");
    expect(loader.system).toBe(`/k3os/system/${system.trim()}`);
  });
});

describe("a node that upgrades itself", { timeout: 600_000 }, () => {
  it("starts its service by k3os apply, and waits for the window with what it has staged", async () => {
    const { slots } = await slotsOf(node);
    const { architecture } = node.machine.record;
    const { digest = "" } = slots.find(({ running }) => !running) ?? {};
    const version = (await statusOf(node.machine, signal))?.slots?.[0]?.version ?? "";
    const release = { version, digest, architecture, kubernetes: "v1.37.2" };
    const index = { format: 1, channel: "stable", version: 1, latest: version, releases: [release] } as const;
    const file = `/home/rancher/www/${channelPath("stable")}`;
    await node.ssh(`mkdir -p ${file.replace(/\/[^/]*$/, "")}; cat >${file}`, {
      input: formatIndex({ ...index, expires: "2099-01-01T00:00:00Z" }),
    });
    // A quarter of an hour that began an hour ago: it opens tomorrow.
    const ago = (Number(await node.node("date +%s")) - 3600) * 1000;
    const window = `{ start: "${new Date(ago).toISOString().slice(11, 16)}", duration: 15m, time_zone: UTC }`;
    const settings = `{ auto: true, unsigned: true, source: /home/rancher/www, window: ${window} }`;
    await node.writeLayer("auto.yaml", `k3os: { upgrade: ${settings} }\n`);
    await node.node("sudo k3os apply");
    const isThere = "ps -o args | grep -c [k]3os/auto || true";
    expect(await node.node(isThere)).toBe("1\n");
    expect(Number(await node.node("sudo k3os auto"))).toBeGreaterThanOrEqual(3600);
    expect(await node.node("sudo k3os status || true")).toMatch(/^auto {7}\S+ is staged, to be tried from .* UTC on/m);
    await node.removeLayer("auto.yaml");
    await node.node("sudo k3os apply");
    expect(await node.node(isThere)).toBe("0\n");
  });
});
