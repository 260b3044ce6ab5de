import { afterAll, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { keepsFailed, useMachine } from "../support/machine.ts";

const first = useMachine("test-servers");
const [second, third] = [2, 3].map((number) => `${first.name}-server-${number}`) as [string, string];

/** kubectl against the API of that server. */
async function kubectl(server: string, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await first.k3os(["kubectl", "--name", server, ...args]);
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

const readyNodes = async (server: string) => {
  const ready = '{range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}';
  const lines = (await kubectl(server, "get", "nodes", "-o", `jsonpath=${ready}`)).trim().split("\n");
  return lines.filter((line) => line.endsWith(" True")).map((line) => line.split(" ")[0]);
};

afterAll(async () => {
  if (keepsFailed) return;
  for (const name of [second, third]) await first.k3os(["down", "--name", name, "--force"]);
});

describe("a cluster of three servers", { timeout: 900_000 }, () => {
  it("is started by one command, and each of them serves the API", async () => {
    await first.up(["--servers", "3", "--timeout", "800"]);
    for (const server of [first.name, second, third])
      expect((await readyNodes(server)).sort()).toEqual([first.name, second, third]);
    const servers = ["get", "endpointslices", "kubernetes", "-o", "jsonpath={.endpoints[*].addresses[*]}"];
    expect((await first.kubectl(...servers)).trim().split(" ").sort()).toEqual(["10.5.0.1", "10.5.0.2", "10.5.0.3"]);
  });

  it("saves what they have, and lists and deletes what was saved", async () => {
    const said = await first.node("sudo k3s etcd-snapshot save --snapshot-compress");
    const name = /^Snapshot (on-demand-\S+-\d+\.zip) saved\.$/m.exec(said)?.[1] ?? "";
    expect(name).toContain(first.name);
    const list = async () => JSON.parse(await first.node("sudo k3s etcd-snapshot ls -o json"));
    expect(await list()).toMatchObject({ items: [{ spec: { snapshotName: name }, status: { readyToUse: true } }] });
    await first.node(`sudo k3s etcd-snapshot delete ${name}`);
    expect(await list()).toMatchObject({ items: [] });
  });

  it("goes on when the first one is gone", async () => {
    await first.kubectl("create", "configmap", "before");
    await first.cut();
    await eventually(() => kubectl(second, "create", "configmap", "meanwhile"), 120);
    expect(await kubectl(third, "get", "configmaps", "-o", "name")).toContain("configmap/before\n");
  });

  it("takes that one back, without anything of before", async () => {
    await first.up(["--timeout", "800"]);
    expect(await first.kubectl("get", "configmaps", "-o", "name")).toMatch(
      /configmap\/before\n(.*\n)*configmap\/meanwhile\n/,
    );
    await eventually(
      async () => expect((await readyNodes(first.name)).sort()).toEqual([first.name, second, third]),
      120,
    );
  });
});
