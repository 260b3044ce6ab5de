/** Machines that pools upgrade, and one that asks for a page all the time. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { BuiltImage } from "../../src/build/index.ts";
import { agentsOf } from "../../src/vm/cluster.ts";
import type { Machine } from "../../src/vm/machine.ts";
import { writeTestImage } from "../../test/vm/support/container-image.ts";
import { type ClusterOptions, withCluster } from "../cluster.ts";
import { succeed } from "../on-machine.ts";

const diskMiB = 4096;
/** The label of the machine that asks, which no pool has. */
export const CLIENT = { ring: "client" } as const;

export interface Machines {
  readonly servers: readonly [Machine, ...Machine[]];
  readonly agents: readonly Machine[];
  readonly client: Machine;
}

export interface StartOptions extends Pick<ClusterOptions, "timeoutMs" | "signal" | "update"> {
  readonly image: BuiltImage;
  /** The disk that each of them begins with, raw. */
  readonly disk: string;
  /** How many agents there are besides the three servers. */
  readonly agents: number;
  /** How many times longer than usual the servers wait for etcd, and its members for one another. */
  readonly slow: number;
}

/** Starts them, and hands them to `work` once all are Ready. They are gone afterwards. */
export function withMachines<T>(options: StartOptions, work: (machines: Machines) => Promise<T>): Promise<T> {
  const { disk, agents: count, slow, ...conditions } = options;
  const agents = agentsOf("rolling", count + 1);
  const [client] = agents.slice(count);
  const cluster: ClusterOptions = {
    ...{ ...conditions, name: "rolling", servers: 3 },
    // Emulated processors that are more than the host's wait for one another.
    hardware: () => ({ boot: { kind: "disk", firmware: "bios" }, disk: { from: disk, sizeMiB: diskMiB }, cpus: 1 }),
    own: (member) => ({
      k3os: {
        labels: member === client ? CLIENT : {},
        upgrade: { unsigned: true, stable_for: "1s", deadline: "20m" },
        ...(slow === 1 ? {} : { k3s_args: patience(slow) }),
      },
    }),
  };
  return withCluster(cluster, async ({ servers, join }) => {
    const upgraded = await join(agents.slice(0, count));
    const [asking] = await join(agents.slice(count));
    if (asking === undefined) throw new Error("no machine is left to ask");
    return work({ servers, agents: upgraded, client: asking });
  });
}

/** The times of k3s, of its etcd in ms, multiplied. */
function patience(slow: number): string[] {
  return [
    ...[`--etcd-arg=heartbeat-interval=${500 * slow}`, `--etcd-arg=election-timeout=${5000 * slow}`],
    ...["healthcheck", "readycheck"].map((check) => `--kube-apiserver-arg=etcd-${check}-timeout=${2 * slow}s`),
  ];
}

/** Puts the image of the page's pods onto the machine, where it survives upgrades. */
export async function loadPage(machine: Machine, image: BuiltImage, directory: string): Promise<void> {
  const archive = join(directory, `${machine.name}.tar`);
  writeTestImage(image, archive);
  const to = "/var/lib/rancher/k3s/agent/images";
  await succeed(machine, `sudo sh -c 'mkdir -p ${to}; cat >${to}/.page; mv ${to}/.page ${to}/page.tar'`, {
    input: readFileSync(archive),
  });
}
