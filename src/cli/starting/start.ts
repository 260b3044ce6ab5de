/** Starts the machines of a plan, and waits until they are Ready. */
import type { BuildOptions, BuiltImage } from "../../build/index.ts";
import { K3osError } from "../../errors.ts";
import type { Progress } from "../../progress.ts";
import { kubectlIn } from "../../vm/kubectl.ts";
import { findMachine, type Machine, startMachine } from "../../vm/machine.ts";
import type { Accel } from "../../vm/qemu.ts";
import { type ReadyOptions, waitJoined, waitReady } from "../../vm/ready.ts";
import type { Io } from "../io.ts";
import { asStep } from "../progress/index.ts";
import { beginsAnew, bootOf, type How, hasDisk, versionOn } from "./boot.ts";
import { machinesIn, type Plan, type Planned } from "./plan.ts";

export interface StartContext {
  readonly how: How;
  readonly image: BuiltImage;
  /** What the image was made with: disks are made with the same. */
  readonly build: BuildOptions;
  readonly accel: Accel;
  readonly progress: Progress;
  readonly io: Io;
  /** The first server, which another machine joins. */
  readonly server?: Machine | undefined;
}

/**
 * Starts what does not run, the first server before the others and these before agents, and waits until all are Ready.
 * The first server comes first in what it returns.
 */
export async function startAll(plan: Plan, context: StartContext): Promise<readonly [Machine, ...Machine[]]> {
  const { io } = context;
  const { running } = plan.server;
  // Before its disk is made.
  const isAnew = beginsAnew(plan);
  const serverExisted = findMachine(plan.server.name) !== undefined;
  // Servers that were members before have a majority only together.
  const isTogether = plan.otherServers.some((other) => other.running === undefined && hasDisk(other.name));
  const server = running ?? (await powerOn(plan.server, context));
  const ready =
    running === undefined
      ? awaitOrGiveUp(server, undefined, serverExisted, context)
      : awaitReady(running, undefined, context);
  if (!isTogether) await ready;
  const join = async (member: Planned): Promise<Machine> => {
    if (member.running !== undefined && !isAnew) {
      await awaitReady(member.running, server, context);
      return member.running;
    }
    const existed = findMachine(member.name) !== undefined;
    await member.running?.stop({ graceMs: 0 });
    const started = await powerOn(member, { ...context, server });
    await awaitOrGiveUp(started, server, existed, context);
    return started;
  };
  const [first, ...servers] = await Promise.allSettled([ready, ...plan.otherServers.map(join)]);
  const agents = [first, ...servers].some(isRejected) ? [] : await Promise.allSettled(plan.agents.map(join));
  const failed = [first, ...servers, ...agents].find(isRejected);
  if (failed === undefined)
    return [server, ...[...servers, ...agents].flatMap((end) => (end.status === "fulfilled" ? end.value : []))];
  if (io.signal.aborted && running === undefined) await giveUp(server, serverExisted, io);
  const error: unknown = failed.reason;
  if (io.signal.aborted || !(error instanceof K3osError) || machinesIn(plan).length === 1) throw error;
  const hint = [error.hint, `The other machines of the cluster run on: ./k3os list`].filter(Boolean).join("\n");
  throw new K3osError(error.kind, error.message, { hint });
}

const isRejected = (end: PromiseSettledResult<unknown>): end is PromiseRejectedResult => end.status === "rejected";

async function powerOn(planned: Planned, context: StartContext): Promise<Machine> {
  const { how, image, build, accel, io, server } = context;
  const { name, config, nics, cluster, from, hardware } = planned;
  const { memoryMiB, cpus } = hardware;
  return startMachine({
    ...{ name, config, nics, cluster, from, server: server?.name, tools: image.tools, accel, memoryMiB, cpus },
    architecture: image.imageJson.architecture,
    ...(await bootOf(planned, how, image, build)),
    ...(server === undefined && { ports: { ssh: how.sshPort, api: how.apiPort } }),
    ...{ version: versionOn(planned, how, image), ...kubectlIn(image), signal: io.signal },
  });
}

/** A machine that does not become Ready is stopped. */
async function awaitOrGiveUp(
  machine: Machine,
  server: Machine | undefined,
  existed: boolean,
  context: StartContext,
): Promise<void> {
  if (!context.how.wait) return;
  try {
    await awaitReady(machine, server, context);
  } catch (error) {
    await giveUp(machine, existed, context.io);
    throw error;
  }
}

function awaitReady(machine: Machine, server: Machine | undefined, { how, progress, io }: StartContext): Promise<void> {
  const accel = machine.record.accel === "kvm" ? "hardware virtualisation" : "software emulation";
  const title = `Boot ${machine.name} (${accel})`;
  return asStep(
    progress,
    title,
    (update) => {
      const options: ReadyOptions = {
        timeoutMs: how.timeout * 1000,
        signal: io.signal,
        onStage: update,
        onRestart: (reason) => progress.step(`Start ${machine.name} anew`).done(reason),
      };
      return server === undefined ? waitReady(machine, options) : waitJoined(machine, server, options);
    },
    () => "Ready",
  );
}

/** Stops the machine. Its logs stay after a failure; a new machine that the user stopped is removed. */
async function giveUp(machine: Machine, existed: boolean, io: Io): Promise<void> {
  await machine.stop({ graceMs: 0, phase: "failed" });
  if (io.signal.aborted && !existed) machine.remove();
}
