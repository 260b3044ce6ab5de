/** The machines that the suite runs against. */
import { createReadStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BuiltImage } from "../../src/build/index.ts";
import { freeWire, newToken } from "../../src/cli/starting/plan.ts";
import { K3osError } from "../../src/errors.ts";
import { agentsOf, type Cluster, configOf, type Member, nicsOf, serversOf } from "../../src/vm/cluster.ts";
import type { Machine } from "../../src/vm/machine.ts";
import { waitJoined, waitReady } from "../../src/vm/ready.ts";
import { startOf } from "../../src/vm/throw-away.ts";
import type { Target } from "./run.ts";

export interface NodesOptions {
  readonly image: BuiltImage;
  readonly agents: number;
  readonly memoryMiB: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly update: (text: string) => void;
}

/** Starts a server and agents, and hands them to `work` once all are Ready. They are gone afterwards. */
export async function withNodes<T>(
  options: NodesOptions,
  work: (server: Machine, agents: readonly Machine[]) => Promise<T>,
): Promise<T> {
  const { image, agents, memoryMiB, timeoutMs, signal, update } = options;
  const home = mkdtempSync(join(tmpdir(), "k3os-bench-"));
  const cluster: Cluster = { wire: freeWire(), token: newToken(), servers: 1 };
  const [first] = serversOf("conformance", 1);
  const started: Machine[] = [];
  const powerOn = async (member: Member): Promise<Machine> => {
    update(member.name);
    // One node alone is the machine that `./k3os up` starts.
    const joined = { nics: nicsOf(member, cluster), cluster, config: configOf(member, cluster) };
    const machine = await startOf(image, {
      ...{ name: member.name, home, memoryMiB, signal },
      ...(agents > 0 && joined),
      ...(member !== first && { server: first.name }),
    });
    started.push(machine);
    return machine;
  };
  try {
    const server = await powerOn(first);
    await waitReady(server, { timeoutMs, signal });
    const others: Machine[] = [];
    for (const member of agentsOf("conformance", agents)) {
      const agent = await powerOn(member);
      await waitJoined(agent, server, { timeoutMs, signal });
      others.push(agent);
    }
    return await work(server, others);
  } finally {
    try {
      await Promise.all(started.map((machine) => machine.stop({ graceMs: 0 })));
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  }
}

/** Brings the images of an archive to the node. */
export async function loadImages(machine: Machine, archive: string, signal?: AbortSignal): Promise<void> {
  const input = createReadStream(archive);
  const { status, stderr } = await machine.ssh("sudo k3s ctr -n k8s.io images import -", { input, signal });
  if (status !== 0) throw new K3osError("machine", `${machine.name} refused the suite's images: ${stderr.trim()}`);
}

/** The machine as what the suite runs against. */
export function targetOf({ paths, record }: Machine): Target {
  if (record.k3s === undefined) throw new K3osError("machine", "The machine's image has no k3s for the workstation.");
  return { kubeconfig: paths.kubeconfig, k3s: record.k3s };
}
