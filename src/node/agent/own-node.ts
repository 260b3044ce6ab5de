import type { Config } from "../../config/index.ts";
import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import type { MachinePool, MachinePoolStatus } from "../../kubernetes/machine-pool.ts";
import { isoTime } from "../../kubernetes/time.ts";
import type { AgentNote, LocalState, WantedImage, Work } from "../../management/observed.ts";
import { targetOf } from "../../management/target.ts";
import { silent } from "../../progress.ts";
import { ownKind } from "../images/own.ts";
import { logToKernel } from "../kernel-log.ts";
import { readNodeName } from "../node-name.ts";
import { RUN } from "../places.ts";
import { forgetRefused } from "../slots/given-up.ts";
import { uptime } from "../stages.ts";
import { isClockRight, spanOf } from "../upgrade/spans.ts";
import type { restartIntoTrial, restartMachine, upgrade } from "../upgrade/upgrade.ts";
import type { Span } from "../upgrade/window.ts";
import type { ClusterConfig } from "./cluster-config.ts";
import { localReader } from "./local.ts";
import { writeNote } from "./note.ts";
import { forgetTries } from "./tries.ts";

export type Target = NonNullable<MachinePoolStatus["target"]>;
type Windows = NonNullable<MachinePool["spec"]["rollout"]>["windows"];

/** What an agent sees of its own node, and does to it. Tests have nodes without a machine. */
export interface OwnNode {
  readonly name: string;
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds since the kernel started. */
  uptime(): number;
  sleep(milliseconds: number): Promise<void>;
  /** From 0 to below 1. */
  random(): number;
  isClockTrusted(): Promise<boolean>;
  /** The span that is open, or else the next one, in milliseconds; `undefined` without windows. */
  window(windows: Windows): Promise<Span | undefined>;
  local(): Promise<LocalState>;
  writeNote(note: AgentNote): void;
  /** Which image a pool's wish stands for. */
  lookUp(pool: MachinePool): Promise<Target>;
  /** Puts an image into the slot that is not in use. */
  stage(image: WantedImage): Promise<void>;
  /** Makes the next boot a trial of it. */
  arm(image: WantedImage): Promise<void>;
  /** Restarts the machine. Returns once that is under way. */
  restart(work: Work): Promise<void>;
  /** Forgets which images were given up. */
  forgetRefused(): Promise<void>;
  /** What MachineConfigs ask of this node, and how far that is done. */
  readonly config: ClusterConfig;
  log(text: string): void;
}

/** What changes a node; tests have their own. */
export interface NodeTools {
  readonly upgrade: typeof upgrade;
  readonly restartIntoTrial: typeof restartIntoTrial;
  readonly restartMachine: typeof restartMachine;
  readonly loadConfig: (host: Host) => { readonly config: Config };
}

/** Read only when something is to be changed: an agent that waits takes little memory. */
async function nodeTools(): Promise<NodeTools> {
  const [upgrading, { loadConfig }] = await Promise.all([import("../upgrade/upgrade.ts"), import("../layers.ts")]);
  return { ...upgrading, loadConfig };
}

/** Small files of channels, in memory. */
const WORK = `${RUN}/agent`;

/** The node that this program runs on. */
export function ownNode(host: Host, tools: () => Promise<NodeTools> = nodeTools): OwnNode {
  let local = localReader(host);
  const configFor = async (image: Pick<WantedImage, "source" | "channel">): Promise<Config> => {
    const { config: own } = (await tools()).loadConfig(host);
    const { source, channel } = image;
    const upgradeConfig = { ...own.k3os?.upgrade, ...(source && { source }), ...(channel && { channel }) };
    return { ...own, k3os: { ...own.k3os, upgrade: upgradeConfig } };
  };
  const obtain = async (image: WantedImage, stageOnly: boolean) => {
    const { version, digest, allowDowngrade } = image;
    const options = { place: undefined, version, digest, stageOnly, reboot: true, allowDowngrade, retry: false };
    try {
      await (await tools()).upgrade(host, await configFor(image), options, silent);
    } finally {
      // A slot that has the image already, or that was emptied in vain, changes no journal.
      local = localReader(host);
    }
  };
  return {
    name: readNodeName(host) ?? host.readText("/proc/sys/kernel/hostname").trim(),
    now: () => host.now(),
    uptime: () => Math.round(uptime(host) * 1000),
    sleep: (milliseconds) => host.sleep(milliseconds),
    random: Math.random,
    isClockTrusted: () => isClockRight(host),
    async window(windows = []) {
      const spans: Span[] = [];
      for (const { days, start, duration, timeZone } of windows) {
        const span = await spanOf(host, {
          start,
          duration,
          ...(days && { days }),
          ...(timeZone && { time_zone: timeZone }),
        });
        spans.push({ start: span.start * 1000, end: span.end * 1000 });
      }
      return spans.sort((a, b) => a.start - b.start)[0];
    },
    local: () => local(),
    writeNote: (note) => writeNote(host, note),
    async lookUp({ spec, status }) {
      const { image = {} } = spec;
      const [{ imagesInChannel }, { trustOf }] = await Promise.all([
        import("../images/channel.ts"),
        import("../images/trust.ts"),
      ]);
      const { k3os } = await configFor(image);
      const { source, channel = "stable" } = k3os?.upgrade ?? {};
      if (source === undefined) {
        throw new K3osError("config", "neither spec.image.source nor k3os.upgrade.source says where images come from");
      }
      // Whether a node may have its image is judged by each for itself.
      const images = await imagesInChannel(host, source, channel, {
        ...{ version: image.version, trust: trustOf(host, k3os?.upgrade), work: WORK },
        ...{ registries: k3os?.registries, progress: silent },
      });
      return {
        ...targetOf(images, ownKind(host), status?.target?.digest),
        resolvedAt: isoTime(host.now()),
        ...(image.channel !== undefined && { channel: image.channel }),
        ...(image.source !== undefined && { source: image.source }),
      };
    },
    stage: (image) => obtain(image, true),
    arm: (image) => obtain(image, false),
    async restart({ reason }) {
      const { restartMachine, restartIntoTrial } = await tools();
      await (reason === "Restart" ? restartMachine(host) : restartIntoTrial(host));
    },
    forgetRefused() {
      forgetTries(host);
      return forgetRefused(host);
    },
    config: lazily(host),
    log: (text) => logToKernel(host, text),
  };
}

/** What reads the config is a large part of the program: not before it is needed. */
function lazily(host: Host): ClusterConfig {
  let loading: Promise<ClusterConfig> | undefined;
  const load = () => {
    loading ??= import("./cluster-config.ts").then(({ clusterConfig }) => clusterConfig(host));
    return loading;
  };
  return {
    view: async (...args) => (await load()).view(...args),
    apply: async (...args) => (await load()).apply(...args),
  };
}
