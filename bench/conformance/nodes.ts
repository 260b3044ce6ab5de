/** The machines that the suite runs against. */
import { createReadStream } from "node:fs";
import type { BuiltImage } from "../../src/build/index.ts";
import { K3osError } from "../../src/errors.ts";
import { agentsOf } from "../../src/vm/cluster.ts";
import type { Machine } from "../../src/vm/machine.ts";
import { throwAway } from "../../src/vm/throw-away.ts";
import { withCluster } from "../cluster.ts";
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
  { agents, memoryMiB, ...conditions }: NodesOptions,
  work: (server: Machine, agents: readonly Machine[]) => Promise<T>,
): Promise<T> {
  if (agents === 0) {
    // One node alone is the machine that `./k3os up` starts.
    conditions.update("a node");
    const { machine, dispose } = await throwAway({ memoryMiB, ...conditions });
    try {
      return await work(machine, []);
    } finally {
      await dispose();
    }
  }
  const kind = { name: "conformance", servers: 1, own: () => ({}), hardware: () => ({ memoryMiB }) };
  return withCluster({ ...kind, ...conditions }, async ({ servers: [server], join }) => {
    const others: Machine[] = [];
    for (const member of agentsOf("conformance", agents)) others.push(...(await join([member])));
    return work(server, others);
  });
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
