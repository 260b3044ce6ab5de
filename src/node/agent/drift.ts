/** What differs on this node from the config that was applied, whoever has changed it. */
import { pending } from "../../config/pending.ts";
import { describeStep } from "../../config/steps/index.ts";
import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { screenAndSerial } from "../../image/architecture.ts";
import { MACHINE_ARGUMENTS } from "../../image/grub.ts";
import type { ImageJson } from "../../image/image-json.ts";
import { type Difference, differencesOf, kernelDifferences } from "../../management/drift.ts";
import { keptPlan } from "../apply/kept-plan.ts";
import { observe } from "../apply/observe.ts";
import { isAsSeen, watched } from "../apply/seen.ts";
import { OWN_ARCHITECTURE } from "../architecture.ts";
import { isStarted } from "../openrc.ts";
import { RUN, STATE } from "../places.ts";
import { lastReport } from "../report.ts";
import { withEsp } from "../slots/esp.ts";
import { runningSlot, runningSystem } from "../slots/running.ts";

/**
 * Looks at files, sysctls, accounts, mounts and the like, at services and at the kernel's command line. Nothing is said
 * of steps that failed: the report of the config has them. Costs the comparison of the files that were looked at last,
 * if nothing has changed. `driftSince` adds the times; `applyLive` with `appliedLayer` repairs what needs no boot.
 */
export async function observeDrift(host: Host): Promise<Difference[]> {
  return [...configDrift(host), ...serviceDrift(host), ...(await kernelDrift(host))];
}

function configDrift(host: Host): Difference[] {
  if (isAsSeen(host)) return [];
  const seen = watched(host);
  const kept = keptPlan(host, seen.host);
  // One of the node's own layers was edited, and nobody has applied it.
  if (kept === undefined) return [{ kind: "Config", path: "config.yaml" }];
  const observed = observe(seen.host);
  const due = pending(kept.steps, observed);
  if (due.length === 0 && kept.problems.length === 0) seen.keep();
  const failed = new Set(lastReport(host).failures.map(({ step }) => step));
  return differencesOf(
    due.filter((step) => !failed.has(describeStep(step))),
    observed,
  );
}

const RUNLEVEL = "/etc/runlevels/default";
/** It stops itself once the trial is decided. */
const TRIAL = "k3os-trial";

/** Services that a boot starts and that do not run. While it still starts them, nothing is known. */
function serviceDrift(host: Host): Difference[] {
  if (!isStarted(host, "booted")) return [];
  return host
    .list(RUNLEVEL)
    .filter((service) => service !== TRIAL && !isStarted(host, service))
    .map((service) => ({ kind: "Service", path: service }));
}

/** The words that image and machine want, as the disk had them when this boot was first asked. */
const WORDS = `${RUN}/kernel-arguments.json`;

/** Words that the boot menu adds by itself. */
const MENU = /^(BOOT_IMAGE|initrd|k3os\.(root|slot|trial|env)|panic|oops|softlockup_panic|quiet|gpt|BOOTIF)(=|$)|^$/;

async function kernelDrift(host: Host): Promise<Difference[]> {
  const system = runningSystem(host);
  if (runningSlot(host) === undefined || system === undefined) return [];
  const { kernel } = JSON.parse(host.readText(`${STATE}${system}/image.json`)) as Pick<ImageJson, "kernel">;
  if (host.stat(WORDS) === undefined) host.write(WORDS, JSON.stringify(await wantedWords(host, kernel)));
  const wanted = JSON.parse(host.readText(WORDS)) as string[];
  // A menu that is older than the image knows the usual ones alone.
  const consoles = [undefined, kernel.serial].flatMap((ports) => screenAndSerial(OWN_ARCHITECTURE, ports));
  return kernelDifferences(
    host.readText("/proc/cmdline"),
    wanted,
    (word) => MENU.test(word) || consoles.includes(word),
  );
}

async function wantedWords(host: Host, kernel: ImageJson["kernel"]): Promise<string[]> {
  const machine = await withEsp(host, async (esp) => readTextIf(host, `${esp}${MACHINE_ARGUMENTS}`) ?? "");
  const words = /^set machine="([^"]*)"$/m.exec(machine)?.[1] ?? "";
  return [...kernel.arguments, ...words.split(" ").filter((word) => word !== "")];
}
