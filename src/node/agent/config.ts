/** The cluster's layer of the config on this node: what the agent's loop reads and does, each as one call. */
import { type Config, load, plan } from "../../config/index.ts";
import { K3osError } from "../../errors.ts";
import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import type { SlotName } from "../../image/boot-env.ts";
import type { MachineConfig } from "../../kubernetes/machine-config.ts";
import { type ClusterLayer, layersOf } from "../../management/layer.ts";
import { type LayerPlan, planLayer } from "../../management/layer-plan.ts";
import type { WantedConfig } from "../../management/observed.ts";
import { NO_SECRETS, type Secrets } from "../../management/secrets.ts";
import { silent } from "../../progress.ts";
import { type Applied, applyLayers } from "../apply/apply-config.ts";
import { readFacts } from "../facts.ts";
import { apiChecks, judge } from "../health/judge.ts";
import { ownLayers } from "../layer-files.ts";
import type { LoadedLayers } from "../layers.ts";
import { withLock } from "../lock.ts";
import { isStarted } from "../openrc.ts";
import { RUN, STATE } from "../places.ts";
import { espDevice, mendEsp, withEsp } from "../slots/esp.ts";
import { refusalOfRevision, refuseRevision, runningImage } from "../slots/given-up.ts";
import { nameOfRevision } from "../slots/journal.ts";
import { layerOfSlot, writeLayerOfSlot } from "../slots/layer-file.ts";
import { isClusterConfigOff, runningSlot } from "../slots/running.ts";
import { readSlots } from "../slots/slots.ts";
import { stageLayer } from "../slots/stage.ts";
import { armTrial, isTrial } from "../slots/trial.ts";
import { type Course, decide, follow, type Look } from "../trial/decide.ts";
import { failedUserChecks, look, userChecksDecide } from "../trial/look.ts";
import { withPool } from "../trial/pool.ts";
import { type TrialSettings, trialSettings } from "../trial/settings.ts";
import { requireSettled } from "../upgrade/judge.ts";
import { forgetTries, noted, refusalByTries } from "./tries.ts";

/** The layer that this node goes by: the one in the slot that runs. */
export function appliedLayer(host: Host): ClusterLayer {
  return layerOfSlot(host, runningSlot(host));
}

/**
 * What these MachineConfigs ask of this node, and what may be done now. `labels` are those of the object Node. Changes
 * nothing. Whether a revision was given up before, `refusalOfRevision` tells.
 */
export function planConfigs(
  host: Host,
  configs: readonly MachineConfig[],
  labels: Readonly<Record<string, string>>,
  secrets: Secrets = NO_SECRETS,
): LayerPlan {
  const applied = appliedLayer(host);
  const planned = planLayer({ configs, labels, local: ownLayers(host), applied, facts: readFacts(host), secrets });
  // k3s may run with a config that nobody has found healthy.
  const isUnsettled = layerOnTrial(host) !== undefined && planned.effect !== "Reboot";
  return isUnsettled ? { ...planned, effect: "Restart" } : planned;
}

/** What is to be done for a plan; `undefined` if its layer is applied and noted. */
export async function wantedLayer(host: Host, { layer, effect }: LayerPlan): Promise<WantedConfig | undefined> {
  if (effect === undefined && JSON.stringify(layer) === JSON.stringify(appliedLayer(host))) return undefined;
  const wanted = { revision: layer.revision, effect: effect ?? "Live" };
  const refused = await hindranceOf(host, wanted);
  return { ...wanted, ...(refused !== undefined && { refused }) };
}

async function hindranceOf(host: Host, { revision, effect }: WantedConfig): Promise<string | undefined> {
  if (isClusterConfigOff(host)) return CLUSTER_CONFIG_OFF;
  if (effect === "Reboot" && runningSlot(host) === undefined) {
    return "it takes a boot, and this node does not run from a slot of a disk, which could be returned from";
  }
  const reason = (await refusalOfRevision(host, revision))?.reason ?? refusalByTries(host, revision);
  return reason && `${nameOfRevision(revision)} was given up: ${reason}`;
}

const CLUSTER_CONFIG_OFF = "the kernel's command line leaves out what the cluster says: k3os.cluster_config=off";

/** The config of this node with this layer above its own ones. */
export function configWith(host: Host, layer: ClusterLayer): Config {
  return loadWith(host, layer).config;
}

/**
 * Applies a layer whose effect is `Live`, or none, and notes it as the one of the slot that runs. k3s is not restarted,
 * whatever else waits for that. What fails takes only its part and is in `failures`; the rest is applied. Throws `busy`
 * in a trial that is not decided yet. As `k3os apply`, this also does what the node's own layers say since they were
 * edited.
 */
export async function applyLive(host: Host, layer: ClusterLayer): Promise<Applied> {
  requireOn(host);
  requireDecided(host);
  const applied = await noted(host, layer.revision, async () => {
    const applied = await applyLayers(host, loadWith(host, layer), { restart: false });
    await writeLayerOfSlot(host, runningSlot(host), layer);
    return applied;
  });
  forgetTries(host);
  return applied;
}

/** A layer that k3s was restarted with, and that is not noted before the node is found healthy. */
export interface RestartTrial {
  readonly layer: ClusterLayer;
  readonly settings: TrialSettings;
  /** The node before the restart. */
  readonly before: Look;
  /** Milliseconds on the monotonic clock. */
  readonly startedAt: number;
  readonly course: Course | undefined;
  readonly applied: Applied;
}

export type RestartDecision =
  | { readonly kind: "wait"; readonly reason: string; readonly trial: RestartTrial }
  /** Noted as the layer of the slot that runs. */
  | { readonly kind: "kept"; readonly reason: string; readonly applied: Applied }
  /** The layer before is applied again, and this one is remembered as given up. */
  | { readonly kind: "returned"; readonly reason: string; readonly applied: Applied };

/** How often a node on trial is looked at, in milliseconds. */
export const LOOK_EVERY_MS = 5000;

/**
 * Applies a layer whose effect is `Restart`, and restarts k3s; pods go on running. Follow it by `followRestart` every
 * `LOOK_EVERY_MS`. After a power cut the node has the layer before, and tries this one once more. If this process ends
 * meanwhile, `planConfigs` asks for a restart again.
 */
export async function beginRestart(host: Host, layer: ClusterLayer): Promise<RestartTrial> {
  requireOn(host);
  requireDecided(host);
  const loaded = loadWith(host, layer);
  const k3s = plan(loaded.config, readFacts(host)).find((step) => step.kind === "k3s");
  const settings = trialSettings(withPool(host, loaded.config.k3os ?? {}), k3s?.role ?? "server");
  const before = await look(host, settings, 0);
  const applied = await noted(host, layer.revision, () => {
    host.write(ON_TRIAL, JSON.stringify({ revision: layer.revision }), { mode: 0o600 });
    return applyLayers(host, loaded, { restart: true });
  });
  return { layer, settings, before, startedAt: host.monotonic(), course: undefined, applied };
}

/** Looks at the node once, by the rules of a trial boot: `k3os.upgrade.deadline`, `stable_for` and `checks`. */
export async function followRestart(host: Host, trial: RestartTrial): Promise<RestartDecision> {
  const { settings, layer, applied } = trial;
  if (!isStarted(host, "k3s")) return keep(host, trial, "k3s is not started");
  const at = Math.round((host.monotonic() - trial.startedAt) / 1000);
  const course = follow(trial.course, await look(host, settings, at, trial.course));
  const failed = userChecksDecide(settings, course) ? await failedUserChecks(host, settings, course) : [];
  const { kind, reason } = decide(settings, course, failed);
  if (kind === "wait") return { kind, reason, trial: { ...trial, course } };
  if (kind === "commit") return keep(host, trial, reason);
  if (failed.length === 0 && isNoWorse(trial.before, course.last)) {
    return keep(host, trial, `${reason}; it was not better before`);
  }
  await refuseRevision(host, layer.revision, reason);
  await applyLayers(host, loadWith(host, appliedLayer(host)), { restart: true });
  forgetTries(host);
  host.remove(ON_TRIAL);
  return { kind: "returned", reason, applied };
}

/** `beginRestart` and `followRestart` until it is decided: at most the deadline, 10 min by default. */
export async function applyWithRestart(
  host: Host,
  layer: ClusterLayer,
): Promise<Exclude<RestartDecision, { kind: "wait" }>> {
  let trial = await beginRestart(host, layer);
  for (;;) {
    const decision = await followRestart(host, trial);
    if (decision.kind !== "wait") return decision;
    trial = decision.trial;
    await host.sleep(LOOK_EVERY_MS);
  }
}

/**
 * Puts a layer whose effect is `Reboot` into the other slot, with the image that runs, and makes the next boot a trial
 * of it. What the other slot had is gone. The caller restarts the machine (`restartIntoTrial`). Throws `usage` on a
 * system that has no slots: there such a change cannot be tried.
 */
export async function stageConfigTrial(host: Host, layer: ClusterLayer): Promise<SlotName> {
  requireOn(host);
  const device = espDevice(host); // throws if there are no slots
  return withLock(host, "upgrade", async () => {
    await mendEsp(host, device);
    const image = await runningImage(host);
    return withEsp(host, async (esp) => {
      const places = { esp, state: STATE };
      requireSettled({ ...readSlots(host, places), running: runningSlot(host), onTrial: isTrial(host) });
      const slot = await stageLayer(host, places, layer, silent);
      await armTrial(host, esp, { slot, ...image, revision: layer.revision });
      return slot;
    });
  });
}

/** Exists while k3s runs with a layer that is not decided yet. A boot forgets it, and has the layer before. */
const ON_TRIAL = `${RUN}/cluster-on-trial.json`;

/** Changes whenever a layer begins or ends to be on trial; `undefined` while none is. */
export function layerOnTrial(host: Host): string | undefined {
  return readTextIf(host, ON_TRIAL);
}

async function keep(host: Host, { layer, applied }: RestartTrial, reason: string): Promise<RestartDecision> {
  await writeLayerOfSlot(host, runningSlot(host), layer);
  forgetTries(host);
  host.remove(ON_TRIAL);
  return { kind: "kept", reason, applied };
}

/** A change is not blamed for what was wrong before it. */
function isNoWorse(before: Look, now: Look): boolean {
  return !isReady(before) && (now.local.good || !before.local.good);
}

function isReady({ local, api }: Look): boolean {
  return local.good && api !== undefined && judge(apiChecks(api)).good;
}

function loadWith(host: Host, layer: ClusterLayer): LoadedLayers {
  const layers = [...ownLayers(host), ...layersOf(layer)];
  return { ...load(layers), layers };
}

function requireDecided(host: Host): void {
  if (!isTrial(host)) return;
  throw new K3osError("busy", "this boot is a trial: it is not decided yet whether its config is kept", {
    hint: "Wait until it is: sudo k3os status. Or go back at once: sudo k3os rollback",
  });
}

function requireOn(host: Host): void {
  if (!isClusterConfigOff(host)) return;
  throw new K3osError("usage", CLUSTER_CONFIG_OFF, { hint: "Restart without it: sudo reboot" });
}
