import { type Config, describeStep, type Facts, pending, plan, type Step } from "../../config/index.ts";
import type { Host } from "../../host/host.ts";
import { ENV_DAMAGED } from "../../image/grub.ts";
import { applySteps } from "../apply/apply.ts";
import { keepPlan } from "../apply/kept-plan.ts";
import { observe } from "../apply/observe.ts";
import { setPasswordHash } from "../apply/users.ts";
import { readFacts } from "../facts.ts";
import { doAll, type Failure, reasonOf } from "../failure.ts";
import { bootArguments } from "../initrd/boot-arguments.ts";
import { coldplug } from "../initrd/coldplug.ts";
import { logToKernel } from "../kernel-log.ts";
import { type LoadedLayers, loadConfig } from "../layers.ts";
import { ensureNodeName } from "../node-name.ts";
import { disableService, enableRareService, enableService } from "../openrc.ts";
import { COPIES, STATE } from "../places.ts";
import { report } from "../report.ts";
import { JOURNAL } from "../slots/journal.ts";
import { noteTrialStage } from "../slots/note.ts";
import { readDataSources } from "../sources/sources.ts";
import { savedFailures, stagesOf } from "../stages.ts";
import { enableAuto, isAuto } from "../upgrade/auto-service.ts";
import {
  bringUpKernelInterfaces,
  linkConsoles,
  listenForDevices,
  loadEarlyDrivers,
  setSysctls,
  showAddresses,
  startNamingDisks,
} from "./base.ts";
import { correctClock } from "./clock.ts";
import { compressMemory } from "./compressed-memory.ts";
import { maintainDisk } from "./disk.ts";
import { hostnameOf, keepHostname } from "./hostname.ts";
import { restoreIdentity } from "./identity.ts";
import { provideImages } from "./images.ts";
import { prepareInstallation } from "./install-mode.ts";
import { removeCheckpoints } from "./kubelet.ts";
import { keepLittleMemoryBack } from "./memory.ts";
import { limitUnwritten } from "./unwritten.ts";

/** Used if the layers cannot be read at all. No cause for that is known. */
const NOTHING: Pick<LoadedLayers, "config" | "problems" | "layers"> = { config: {}, problems: [], layers: [] };
/** Used if the facts cannot be read. This mode allows no login. */
const UNKNOWN: Facts = { mode: "local", version: "unknown" };

/**
 * The second half of process 1, in the root: everything before the first service starts. No stage ends the boot. A
 * failed stage is reported, and the node lacks only what that stage would have done.
 */
export async function boot(host: Host): Promise<void> {
  const stages = stagesOf(host, "root");
  const { stage, reached, failures } = stages;
  const mayFail = true;

  await stage("failures of the initrd", { mayFail }, () => failures.push(...savedFailures(host, "initrd")));
  const kernel = await stage("kernel arguments", { mayFail }, () => bootArguments(host.readText("/proc/cmdline")));
  stages.debug = kernel?.debug ?? false;
  const onTrial = kernel?.trial === true;
  if (onTrial) await stage("note of the trial", { mayFail }, () => noteTrialStage(host, "root"));
  await stage("clock", { mayFail }, () => correctClock(host));
  if (!onTrial) {
    await stage("earlier trial", { mayFail }, () => tellOfTrial(host));
    await stage("boot loader", { mayFail }, () => renewLoader(host));
  }
  const kernelInterfaces = stage("kernel interfaces", { mayFail }, () => bringUpKernelInterfaces(host));
  await stage("limit of unwritten data", { mayFail }, () => limitUnwritten(host));
  const disk = stage("disk", { mayFail }, () => maintainDisk(host));
  // Before any bus is looked at, so that no device is missed in between.
  const hotplug = stage("hotplug", { mayFail }, () => listenForDevices(host));
  const earlyDrivers = stage("early drivers", { mayFail }, () => loadEarlyDrivers(host));
  const allDrivers = Promise.all([earlyDrivers, hotplug]).then(([known]) =>
    stage("all drivers", { mayFail }, () => coldplug(host, known && { known })),
  );
  // Disks that are found from now on are named because mdev hears of them.
  const diskNames = hotplug.then(() => stage("names of disks", { mayFail }, () => startNamingDisks(host)));

  await stage("memory reserve", { mayFail }, () => keepLittleMemoryBack(host));
  const swap = stage("compressed memory", { mayFail }, () => compressMemory(host));
  await stage("identity", { mayFail }, () => restoreIdentity(host));
  await stage("consoles", { mayFail }, () => linkConsoles(host));
  await stage("data source", { mayFail }, () => readDataSources(host, allDrivers));

  const onUnreadable = (layer: string, error: unknown) => void failures.push(unreadable(layer, error));
  const loaded = (await stage("layers", { mayFail }, () => loadConfig(host, onUnreadable))) ?? NOTHING;
  const { hostname: chosen } = loaded.config;
  const hostname = await stage("host name", { mayFail }, () => hostnameOf(host, chosen));
  const config: Config = { ...loaded.config, hostname: hostname ?? "k3os" };
  if (hostname !== undefined && chosen === undefined)
    await stage("keeping of the host name", { mayFail }, () => keepHostname(host, hostname));
  const nodeName = hostname && (await stage("node name", { mayFail }, () => ensureNodeName(host, hostname)));
  await stage("network cards", { mayFail }, () => awaitCards(host, config, allDrivers));
  const facts = (await stage("facts", { mayFail }, () => readFacts(host))) ?? {
    ...UNKNOWN,
    ...(nodeName && { nodeName }),
  };
  const steps = plan(config, facts);
  const due =
    (await stage("due steps", { mayFail }, () => pending(steps, observe(host)))) ?? dueEach(host, steps, failures);
  await stage("console login", { mayFail }, () => allowConsoleLogin(host, config, facts));
  await Promise.all([earlyDrivers, kernelInterfaces, swap]);
  reached("modules");

  // Before the sysctls of the configuration. Some keys exist only once their module is loaded.
  await stage("sysctls", { mayFail }, () => setSysctls(host));
  await stage("configuration", { mayFail }, async () => {
    for (const phase of ["init", "boot"] as const) failures.push(...(await applySteps(host, due, phase)));
  });
  // After the mounts of the configuration, because k3s may keep its data on one of them.
  await stage("images", { mayFail }, () => provideImages(host));
  await stage("datastore", { mayFail }, () => restoreDatastore(host));
  await stage("checkpoints of the kubelet", { mayFail }, () => removeCheckpoints(host));
  await stage("addresses", { mayFail }, () => showAddresses(host, allDrivers));
  await stage("service links", { mayFail }, () =>
    chooseServices(host, config, facts, { due, trial: kernel?.trial === true }),
  );
  if (kernel?.trial) await stage("trial", { mayFail }, () => prepareTrial(host, config, steps));
  await stage("notes", { mayFail }, () =>
    keepPlan(host, { facts, layers: loaded.layers, steps, problems: loaded.problems }),
  );
  await Promise.all([disk, diskNames]);
  const tell = () => report(host, loaded.problems, failures);
  const told = failures.length;
  await stage("report", { mayFail }, tell);
  reached("config");
  if (failures.length > told) await stage("report of the last failures", { mayFail }, tell);
}

function unreadable(layer: string, error: unknown): Failure {
  return { step: `read the layer ${layer}`, reason: reasonOf(error) };
}

async function awaitCards(host: Host, { k3os }: Config, drivers: Promise<unknown>): Promise<void> {
  if (k3os?.network === undefined) return;
  await (await import("../network/configure.ts")).awaitCards(host, k3os.network, drivers);
}

/**
 * The steps that are due, checked one by one. A step whose check fails counts as due, except a manifest: the file may
 * be the user's own.
 */
function dueEach(host: Host, steps: readonly Step[], failures: Failure[]): readonly Step[] {
  return steps.filter((step) => {
    try {
      return pending([step], observe(host)).includes(step);
    } catch (error) {
      const mayBeUsers = step.kind === "manifest" || step.kind === "remote-manifest";
      if (mayBeUsers) failures.push({ step: describeStep(step), reason: reasonOf(error) });
      return !mayBeUsers;
    }
  });
}

/** On a system in memory, rancher may log in at the console without a password. sshd never accepts a password. */
function allowConsoleLogin(host: Host, { k3os }: Config, { mode }: Facts): void {
  if (mode !== "local" && k3os?.password === undefined) setPasswordHash(host, "rancher", "");
}

async function prepareTrial(host: Host, config: Config, steps: readonly Step[]): Promise<void> {
  await (await import("../trial/prepare.ts")).prepareTrial(host, config, steps);
}

/** Notes and tells how an earlier trial ended, if it ended without a word. */
async function tellOfTrial(host: Host): Promise<void> {
  const isDamaged = host.readText("/proc/cmdline").includes(ENV_DAMAGED);
  if (!isDamaged && host.stat(`${STATE}${JOURNAL}`) === undefined) return;
  const { repairEnv, settleTrial } = await import("../slots/trial.ts");
  const said = [isDamaged ? await repairEnv(host) : undefined, await settleTrial(host)];
  for (const sentence of said) if (sentence !== undefined) logToKernel(host, sentence, { aloud: true });
}

/** Brings the boot loader to the version of the image, if that could not be done when the image was kept. */
async function renewLoader(host: Host): Promise<void> {
  if (host.stat(`${STATE}${JOURNAL}`) === undefined) return;
  const { isLoaderDue, renewLoader } = await import("../slots/loader.ts");
  if (!isLoaderDue(host)) return;
  const replaced = await renewLoader(host);
  if (replaced.length > 0) logToKernel(host, `boot loader: renewed ${replaced.join(", ")}`);
}

/** Puts back a copy of the datastore, if somebody asked for that. Kubernetes does not start with half of it. */
async function restoreDatastore(host: Host): Promise<void> {
  if (host.stat(COPIES) === undefined) return;
  const { isRestoring, restoreDatastore } = await import("../upgrade/datastore.ts");
  try {
    await restoreDatastore(host);
  } finally {
    if (isRestoring(host)) disableService(host, "k3s");
  }
}

/** Enables only the services that this boot needs. */
async function chooseServices(
  host: Host,
  config: Config,
  { mode }: Facts,
  { due, trial }: { readonly due: readonly Step[]; readonly trial: boolean },
): Promise<void> {
  const { k3os } = config;
  const { watchdog = false } = k3os ?? {};
  await doAll([
    // The supervisor of a trial has the watchdog, and starts this service when it is done.
    () => watchdog && !trial && enableRareService(host, "watchdog"),
    () => isAuto(config, mode) && enableAuto(host),
    // Enabled only if the config needs the network, so that other boots do not start the service.
    () => due.some(({ phase }) => phase === "runtime") && enableService(host, "k3os-apply"),
    () => mode === "install" && prepareInstallation(host, k3os?.install?.silent === true),
  ]);
}
