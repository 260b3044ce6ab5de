import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { build } from "../../../src/build/index.ts";
import { findProject } from "../../../src/build/project.ts";
import type { Machine } from "../../../src/kubernetes/machine.ts";
import type { MachinePool } from "../../../src/kubernetes/machine-pool.ts";
import { outputOf } from "../../../src/process/run.ts";
import { fromDisk, rawDisk } from "../support/disks.ts";
import { eventually } from "../support/eventually.ts";
import { useMachine } from "../support/machine.ts";
import { type Served, serveDirectory } from "../support/serve.ts";

const node = useMachine("test-kubectl");
/** A slow host takes minutes to be Ready. */
const config = "k3os: { upgrade: { unsigned: true, stable_for: 1s, deadline: 15m } }\n";

let website: Served;

beforeAll(async () => {
  await node.startReady({ boot: fromDisk(), disks: [await rawDisk(node.directory, { config })] });
});

afterAll(() => website?.close());

const get = async <T>(...words: string[]): Promise<T> => JSON.parse(await node.kubectl("get", ...words, "-o", "json"));
const machine = () => get<Machine>("km", node.name);
const readyOf = (object: Machine | MachinePool) => object.status?.conditions?.find(({ type }) => type === "Ready");
const isReady = async (reason: string, seconds = 120) =>
  eventually(async () => {
    const object = await machine();
    expect(readyOf(object)).toMatchObject({ status: "True", reason });
    return object;
  }, seconds);
const machineConfig = (name: string, spec: object) =>
  node.apply({ apiVersion: "k3os.io/v1alpha1", kind: "MachineConfig", metadata: { name }, spec });
const somaxconn = () => node.node("cat /proc/sys/net/core/somaxconn");

describe("the operating system by kubectl", { timeout: 900_000 }, () => {
  it("is a Machine for each node, in a pool", async () => {
    const { status } = await isReady("UpToDate", 400);
    const { version } = JSON.parse(await node.node("cat /usr/share/k3os/image.json"));
    expect(status).toMatchObject({ pool: "servers", image: { version, digest: expect.stringMatching(/^sha256:/) } });
    const { items } = await get<{ items: readonly MachinePool[] }>("kmp");
    expect(items.map(({ metadata }) => metadata.name)).toEqual(["agents", "servers"]);
    const { stdout } = await node.k3os(["kubectl", "--name", node.name, "k3os", "status"]);
    expect(stdout).toMatch(new RegExp(`machine.*/${node.name} .*servers.*UpToDate`));
  });

  it("applies what can be applied at once, and takes it back", async () => {
    const bootId = await node.bootId();
    const before = await somaxconn();
    await machineConfig("10-live", { config: { k3os: { sysctls: { "net.core.somaxconn": "1234" } } } });
    await eventually(async () => expect(await somaxconn()).toBe("1234\n"));
    await eventually(async () => {
      expect((await machine()).status?.config?.layers).toEqual([{ name: "10-live", generation: 1 }]);
    });
    await node.kubectl("wait", "kmc/10-live", "--for=condition=Ready", "--timeout=60s");
    await node.kubectl("delete", "kmc", "10-live");
    await eventually(async () => expect(await somaxconn()).toBe(before));
    expect(await node.bootId()).toBe(bootId);
  });

  it("takes a value from a Secret, and shows it to nobody", async () => {
    const stringData = { text: `$6$hunter2hunter2$${"a".repeat(86)}` };
    const metadata = { name: "greeting", namespace: "k3os-system" };
    await node.apply({ apiVersion: "v1", kind: "Secret", metadata, stringData });
    const secretKeyRef = { name: "greeting", key: "text" };
    const user = { name: "ada", shell: "/bin/sh" };
    await machineConfig("15-secret", {
      config: { k3os: { users: [user] } },
      secrets: [{ path: "k3os.users[0].password", secretKeyRef }],
    });
    const shadow = () => node.node("sudo grep ^ada: /etc/shadow || true");
    await eventually(async () => expect(await shadow()).toContain(":$6$hunter2"));
    await node.kubectl("wait", "kmc/15-secret", "--for=condition=Ready", "--timeout=60s");
    for (const kinds of ["k3os", "events"]) {
      expect(await node.kubectl("get", kinds, "-A", "-o", "yaml")).not.toContain("hunter2");
    }
    await node.kubectl("delete", "kmc", "15-secret");
    await eventually(async () => expect(await shadow()).not.toContain("hunter2"));
  });

  it("shows what a paused config would do, and does not do more than it may", async () => {
    const config = { k3os: { modules: ["dummy"], environment: { A: "b" } } };
    await machineConfig("20-paused", { paused: true, config });
    await eventually(async () => {
      const { plan } = (await machine()).status ?? {};
      expect(plan).toContainEqual({ path: "k3os.environment", effect: "Restart", config: "20-paused" });
    });
    await machineConfig("20-paused", { paused: false, atMost: "Live", config });
    await eventually(async () => {
      const { conditions } = (await machine()).status ?? {};
      expect(conditions).toContainEqual(expect.objectContaining({ type: "Stalled", status: "True" }));
    });
    expect(await node.node("cat /etc/environment || true")).not.toContain("A=");
    await node.kubectl("delete", "kmc", "20-paused");
    await isReady("UpToDate");
  });

  it("gives its turn back if a PodDisruptionBudget lets nothing leave, and names it", async () => {
    const bootId = await node.bootId();
    const labels = { app: "stays" };
    const metadata = { name: "stays", namespace: "default" };
    const container = { name: "pause", image: "k3os.io/pause:1", imagePullPolicy: "Never" };
    const template = { metadata: { labels }, spec: { containers: [container], terminationGracePeriodSeconds: 1 } };
    const selector = { matchLabels: labels };
    await node.apply({ apiVersion: "apps/v1", kind: "Deployment", metadata, spec: { selector, template } });
    const budget = { minAvailable: 1, selector };
    await node.apply({ apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata, spec: budget });
    await node.kubectl("wait", "deploy/stays", "--for=condition=Available", "--timeout=120s");
    const pool = (spec: object) =>
      node.kubectl("patch", "kmp", "servers", "--type=merge", "-p", JSON.stringify({ spec }));
    await pool({ restartedAt: new Date().toISOString(), rollout: { drain: { mode: "Always", timeout: "20s" } } });
    await eventually(async () => {
      const ready = readyOf(await machine());
      expect(ready).toMatchObject({ status: "False", message: expect.stringContaining("PodDisruptionBudget stays") });
      expect((await get<MachinePool>("kmp", "servers")).status?.turns ?? []).toEqual([]);
      expect(await node.kubectl("get", "node", node.name, "-o", "jsonpath={.spec.unschedulable}")).toBe("");
    });
    expect(await node.bootId()).toBe(bootId);
    await pool({ restartedAt: null, rollout: null });
    await isReady("UpToDate");
    await node.kubectl("delete", "deploy/stays", "pdb/stays");
  });

  it("upgrades the nodes of a pool to a version of its channel, and waits for it", async () => {
    const text = JSON.stringify({ files: [{ path: "/usr/share/next", content: "next" }] });
    const next = await build({ spec: { text, name: "next.yaml", directory: findProject() }, usualFlavour: "cloud" });
    const www = join(node.directory, "www");
    mkdirSync(www);
    const key = join(node.directory, "release");
    await outputOf({ argv: ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key] }, {});
    expect(await node.k3os(["publish", www, "--key", key, "--image", next.dir])).toMatchObject({ status: 0 });
    website = await serveDirectory(www);
    const { version } = next.imageJson;
    const image = { channel: "stable", source: `http://10.0.2.2:${website.port}` };
    const bootId = await node.bootId();
    await node.kubectl("patch", "kmp", "servers", "--type=merge", "-p", JSON.stringify({ spec: { image } }));
    await node.bootAfter(bootId, 500);
    await eventually(async () => {
      const pool = await get<MachinePool>("kmp", "servers");
      expect(readyOf(pool)).toMatchObject({ status: "True", observedGeneration: pool.metadata.generation });
      expect(pool.status).toMatchObject({ target: { version }, updated: 1, machines: 1 });
    }, 300);
    expect(await node.node("cat /usr/share/next")).toBe("next");
    expect((await machine()).status?.boot?.downtimeSeconds).toBeGreaterThan(1);
  });
});
