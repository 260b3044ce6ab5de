import { type Config, pending, plan, type Step } from "../../config/index.ts";
import type { Host } from "../../host/host.ts";
import { applySteps } from "../apply/apply.ts";
import { keepPlan } from "../apply/kept-plan.ts";
import { observe } from "../apply/observe.ts";
import { setPasswordHash } from "../apply/users.ts";
import { readFacts } from "../facts.ts";
import { bootArguments } from "../initrd/boot-arguments.ts";
import { loadConfig } from "../layers.ts";
import { report } from "../report.ts";
import { DATA_SOURCE, readDataSources } from "../sources/sources.ts";
import { reached } from "../stages.ts";
import {
  bringUpKernelInterfaces,
  keepLittleMemoryBack,
  linkConsoles,
  loadDrivers,
  setSysctls,
  showAddresses,
} from "./base.ts";
import { correctClock } from "./clock.ts";
import { tendDisk } from "./disk.ts";
import { ensureHostname } from "./hostname.ts";
import { ensureNodeName, restoreIdentity } from "./identity.ts";
import { provideImages } from "./images.ts";
import { prepareInstallation } from "./install-mode.ts";

/** Process 1's second half, in the root: everything that has to be so before the first service starts. */
export async function boot(host: Host): Promise<void> {
  const { debug } = bootArguments(host.readText("/proc/cmdline"));
  await correctClock(host);
  const kernelInterfaces = bringUpKernelInterfaces(host);
  const tended = tendDisk(host);
  const { first, everything } = loadDrivers(host);

  keepLittleMemoryBack(host);
  restoreIdentity(host);
  linkConsoles(host);
  host.write(DATA_SOURCE, (await readDataSources(host, everything)) ?? "");

  const { config, problems, layers } = loadConfig(host);
  const hostname = ensureHostname(host, config.hostname);
  ensureNodeName(host, hostname);
  if (config.k3os?.network !== undefined) {
    const { awaitCards } = await import("../network/configure.ts");
    await awaitCards(host, config.k3os.network, everything);
  }
  const facts = readFacts(host);
  const named: Config = { ...config, hostname };
  const all = plan(named, facts);
  const steps = pending(all, observe(host));
  // Whoever sits at the console of a system in memory logs in as rancher; sshd never takes a password.
  if (facts.mode !== "local" && config.k3os?.password === undefined) setPasswordHash(host, "rancher", "");
  await Promise.all([first, kernelInterfaces]);
  reached(host, "modules", debug);
  // Before the user's own, and some are there only with their module.
  setSysctls(host);
  const failures = [...(await applySteps(host, steps, "init")), ...(await applySteps(host, steps, "boot"))];
  // After the config's mounts: k3s may keep its data on one of them.
  provideImages(host);
  keepPlan(host, { facts, layers, steps: all, problems });
  await showAddresses(host, everything);
  report(host, problems, failures);
  enableRuntimePhase(host, steps);
  if (facts.mode === "install") prepareInstallation(host, config.k3os?.install?.silent === true);
  await tended;
  reached(host, "config", debug);
}

/** Only a config that wants something of the network costs the boot a service that does it. */
function enableRuntimePhase(host: Host, steps: readonly Step[]): void {
  if (!steps.some(({ phase }) => phase === "runtime")) return;
  host.symlink("/etc/init.d/k3os-apply", "/etc/runlevels/default/k3os-apply");
}
