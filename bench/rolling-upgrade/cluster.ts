/** Five machines that a pool upgrades, and one that asks for a page all the time. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BuiltImage } from "../../src/build/index.ts";
import { freeWire, newToken } from "../../src/cli/starting/plan.ts";
import { K3osError } from "../../src/errors.ts";
import { agentsOf, type Cluster, configOf, type Member, nicsOf, serversOf } from "../../src/vm/cluster.ts";
import type { Machine } from "../../src/vm/machine.ts";
import { fetchKubeconfig, waitJoined, waitReady } from "../../src/vm/ready.ts";
import { startOf } from "../../src/vm/throw-away.ts";
import { poll } from "../../src/vm/wait.ts";
import { writeTestImage } from "../../test/vm/support/container-image.ts";
import { succeed } from "../on-machine.ts";

const SERVERS = 3;
const AGENTS = 2;
const diskMiB = 4096;
/** The label of the machine that asks, which no pool has. */
export const CLIENT = { ring: "client" } as const;

export interface Machines {
  readonly servers: readonly [Machine, ...Machine[]];
  readonly agents: readonly Machine[];
  readonly client: Machine;
}

export interface StartOptions {
  readonly image: BuiltImage;
  /** The disk that each of them begins with, raw. */
  readonly disk: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly update: (text: string) => void;
}

/** Starts them, and hands them to `work` once all are Ready. They are gone afterwards. */
export async function withMachines<T>(options: StartOptions, work: (machines: Machines) => Promise<T>): Promise<T> {
  const { timeoutMs, signal, update } = options;
  const home = mkdtempSync(join(tmpdir(), "k3os-bench-"));
  const cluster: Cluster = {
    wire: freeWire(),
    token: newToken(),
    servers: SERVERS,
  };
  const started: Machine[] = [];
  const powerOn = async (member: Member, via?: number): Promise<Machine> => {
    const labels = member.number === clientNumber ? CLIENT : {};
    const own = { k3os: { labels, upgrade: { unsigned: true, stable_for: "1s", deadline: "20m" } } };
    const machine = await startOf(options.image, {
      ...{ name: member.name, home, boot: { kind: "disk", firmware: "bios" }, signal },
      ...{ disk: { from: options.disk, sizeMiB: diskMiB }, nics: nicsOf(member, cluster), cluster },
      // Emulated processors that are more than the host's wait for one another.
      cpus: 1,
      config: configOf(member, cluster, own, via),
      ...(member !== first && { server: first.name }),
    });
    started.push(machine);
    return machine;
  };
  const [first, ...others] = serversOf("rolling", SERVERS);
  const agents = agentsOf("rolling", AGENTS + 1);
  const clientNumber = agents.at(-1)?.number;
  try {
    update("the first server");
    const server = await powerOn(first);
    await waitReady(server, { timeoutMs, signal });
    // Two at a time: emulated machines that start together are slower than one after the other.
    const join = async (members: readonly Member[]) => {
      update(members.map(({ name }) => name).join(", "));
      // All of them have started or failed before anything is stopped.
      const machines = await settled(members.map((member) => powerOn(member, 1)));
      await Promise.all(machines.map((machine) => waitJoined(machine, server, { timeoutMs, signal })));
      return machines;
    };
    const otherServers = await join(others);
    await Promise.all(otherServers.map((other) => fetchKubeconfig(other, signal)));
    const upgraded = await join(agents.slice(0, AGENTS));
    const [client] = await join(agents.slice(AGENTS));
    if (client === undefined) throw new Error("no machine is left to ask");
    return await work({ servers: [server, ...otherServers], agents: upgraded, client });
  } finally {
    try {
      await settled(started.map((machine) => machine.stop({ graceMs: 0 })));
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  }
}

/** `Promise.all`, but a failure is thrown only once all have ended. */
async function settled<T>(work: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

/** Puts the image of the page's pods onto the machine, where it survives upgrades. */
export async function loadPage(machine: Machine, directory: string): Promise<void> {
  const archive = join(directory, `${machine.name}.tar`);
  writeTestImage(machine.tools, archive);
  const to = "/var/lib/rancher/k3s/agent/images";
  await succeed(machine, `sudo sh -c 'mkdir -p ${to}; cat >${to}/.page; mv ${to}/.page ${to}/page.tar'`, {
    input: readFileSync(archive),
  });
}

/** Waits until `look` finds something; `what` is said when it did not come. */
export async function awaited<T>(
  what: string,
  look: () => Promise<T | undefined>,
  { timeoutMs, signal }: Pick<StartOptions, "timeoutMs" | "signal">,
): Promise<T> {
  const found = await poll(look, { timeoutMs, everyMs: 2000, signal });
  if (found !== undefined) return found;
  throw new K3osError("machine", `${what} did not come within ${timeoutMs / 1000} s.`);
}
