import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { findMachine, type Machine } from "../../../src/vm/machine.ts";
import { breakWire, type Fault, mendWire } from "../../../src/vm/wire.ts";
import { eventually } from "../support/eventually.ts";
import { keepsFailed, kubectlOn, useMachine } from "../support/machine.ts";
import { K3S_PROCESSES } from "../support/processes.ts";

const first = useMachine("test-servers");
const names = [first.name, `${first.name}-server-2`, `${first.name}-server-3`] as const;
const [, second, third] = names;

function machineOf(server: string): Machine {
  const machine = findMachine(server, join(first.directory, "k3os/machines"));
  if (machine === undefined) throw new Error(`there is no machine ${server}`);
  return machine;
}

/** kubectl against the API of that server. The last one of the same flag counts. */
async function kubectl(server: string, verb: string, ...args: string[]): Promise<string> {
  const words = [verb, "--request-timeout=60s", ...args];
  const { status, stdout, stderr } = await kubectlOn(machineOf(server), words);
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

const configMaps = async (server: string) => (await kubectl(server, "get", "configmaps", "-o", "name")).split("\n");

/** One that timed out may be there all the same. */
async function create(server: string, name: string): Promise<void> {
  await kubectl(server, "create", "configmap", name).catch(async (error: unknown) => {
    if (!(await configMaps(server)).includes(`configmap/${name}`)) throw error;
  });
}

const readyNodes = async (server: string) => {
  const ready = '{range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}';
  const lines = (await kubectl(server, "get", "nodes", "-o", `jsonpath=${ready}`)).trim().split("\n");
  return lines.filter((line) => line.endsWith(" True")).map((line) => line.split(" ")[0]);
};

/** When the kubelet of the node last said that it is there. */
const renewed = (server: string, node: string) =>
  kubectl(server, "get", "lease", "-n", "kube-node-lease", node, "-o", "jsonpath={.spec.renewTime}");

const processes = () => Promise.all(names.map(async (server) => (await machineOf(server).ssh(K3S_PROCESSES)).stdout));

afterAll(async () => {
  if (keepsFailed) return;
  for (const name of [second, third]) await first.k3os(["down", "--name", name, "--force"]);
});

/** For three servers that share the processors of one host. */
const PATIENCE_SECONDS = 400;

describe("a cluster of three servers", { timeout: 1_800_000 }, () => {
  const cut: Fault = { kind: "cut" };
  let before: readonly string[];

  it("is started by one command, and each of them serves the API", async () => {
    await first.up(["--servers", "3", "--timeout", "1500"]);
    for (const server of names) expect((await readyNodes(server)).sort()).toEqual(names);
    const addresses = ["endpointslices", "kubernetes", "-o", "jsonpath={.endpoints[*].addresses[*]}"];
    const all = ["10.5.0.1", "10.5.0.2", "10.5.0.3"];
    // A server puts itself there every ten seconds.
    await eventually(
      async () => expect((await kubectl(first.name, "get", ...addresses)).trim().split(" ").sort()).toEqual(all),
      120,
    );
  });

  it("saves what they have, and lists and deletes what was saved", async () => {
    const said = await first.node("sudo k3s etcd-snapshot save --snapshot-compress");
    const name = /^Snapshot (on-demand-\S+-\d+\.zip) saved\.$/m.exec(said)?.[1] ?? "";
    expect(name).toContain(first.name);
    const list = JSON.parse(await first.node("sudo k3s etcd-snapshot ls -o json"));
    expect(list).toMatchObject({ items: [{ spec: { snapshotName: name }, status: { readyToUse: true } }] });
    await first.node(`sudo k3s etcd-snapshot delete ${name}`);
    expect(await first.node("sudo ls /var/lib/rancher/k3s/server/db/snapshots")).toBe("");
  });

  it("goes on without one that is cut off, which takes no writes and says why", async () => {
    await create(first.name, "before");
    before = await processes();
    expect(before.join("")).toMatch(/^\d+ \d+$/m);
    await breakWire(first.machine, cut);
    const reason = "etcd has no majority: 10.5.0.2 and 10.5.0.3 do not answer at port 2380";
    const refusal = /timed out|timeout|deadline|no leader/i;
    // At once: the longer it lasts, the later the kernels try their connections again.
    await Promise.all([
      eventually(() => create(second, "meanwhile")),
      expect(kubectl(first.name, "create", "configmap", "refused", "--request-timeout=10s")).rejects.toThrow(refusal),
      eventually(async () => expect(await first.node("sudo k3os status || true")).toContain(reason)),
    ]);
    expect(await configMaps(third)).toEqual(expect.arrayContaining(["configmap/before", "configmap/meanwhile"]));
  });

  it("has that one back once it is mended, without a restart", async () => {
    const last = await renewed(second, first.name);
    await mendWire(first.machine, cut);
    await eventually(
      async () => expect(await configMaps(first.name)).toContain("configmap/meanwhile"),
      PATIENCE_SECONDS,
    );
    expect(await configMaps(first.name)).not.toContain("configmap/refused");
    // One after the other: three questions at once would take the processor that the node needs.
    await eventually(async () => expect(await renewed(first.name, first.name)).not.toBe(last), PATIENCE_SECONDS);
    await eventually(async () => expect((await readyNodes(first.name)).sort()).toEqual(names), PATIENCE_SECONDS);
    await eventually(
      async () => expect(await first.node("sudo k3os status")).toContain("node       Ready"),
      PATIENCE_SECONDS,
    );
    expect(await processes()).toEqual(before);
  });

  it("takes it back without anything of before, when its power was cut", async () => {
    await first.cut();
    await first.up(["--timeout", "1500"]);
    const found = await configMaps(first.name);
    expect(found).toEqual(expect.arrayContaining(["configmap/before", "configmap/meanwhile"]));
    await eventually(async () => expect((await readyNodes(first.name)).sort()).toEqual(names), PATIENCE_SECONDS);
  });
});
