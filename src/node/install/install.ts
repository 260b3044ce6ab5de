import type { Config } from "../../config/index.ts";
import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { type Progress, silent } from "../../progress.ts";
import { isUrl } from "../fetch-file.ts";
import type { SourceImage } from "../images/image.ts";
import { withLock } from "../lock.ts";
import { canJoinWifi } from "../network/wifi.ts";
import { Asker } from "../terminal/ask.ts";
import { terminalProgress } from "../terminal/progress.ts";
import type { OpenTerminal, Terminal } from "../terminal/terminal.ts";
import { type Answers, configFrom } from "./answers.ts";
import { findCandidates } from "./candidates.ts";
import { configureSystem } from "./configure.ts";
import { readContents } from "./contents.ts";
import { imageToInstall, whyNoImage } from "./image.ts";
import { interview } from "./interview.ts";
import { composeConfig, fetchConfig, type NodeConfig } from "./node-config.ts";
import { hashPassword } from "./password.ts";
import { type InstallPlan, makePlan, question, summary } from "./plan.ts";
import { QUESTIONS } from "./questions.ts";
import { type Candidate, selectDisk, theOnlyDisk } from "./select.ts";
import type { Settings } from "./settings.ts";
import { hasWifi } from "./wifi.ts";
import { writePlan } from "./write.ts";

/** The inputs of the installer: the machine, its settings, and the config of the running system. */
export interface Installation {
  readonly host: Host;
  readonly settings: Settings;
  readonly config: Config;
}

/** Installs without questions. Checks and fetches everything before the disk is changed. */
export async function installSilently({ host, settings, config }: Installation): Promise<void> {
  const progress = terminalProgress({ mode: "lines", columns: 80, write: (text) => host.warn(text) });
  const { device } = settings;
  if (device === undefined) {
    throw new K3osError("usage", "a silent installation needs to be told the disk", {
      hint: "Set k3os.install.device, or --device: a path, or `only` if the machine has just one disk.",
    });
  }
  const disk = selectDisk(device, await findDisks(host, settings), settings);
  // At boot the network may not be up yet.
  if ([settings.config_url, settings.iso_url].some((place) => place !== undefined && isUrl(place)))
    await host.exec(["/usr/lib/k3os/wait-for-network", "30"], { inherit: true });
  const nodeConfig = await configWithoutQuestions(host, settings, config);
  const image = await imageToInstall(host, settings, progress);
  const plan = makePlan({ disk, contents: await readContents(host, disk), image, config: nodeConfig }, settings);
  console.log(summary(plan).trimEnd());
  await carryOut(host, plan, progress, () => false);
  await leave(host, plan);
}

/** Asks on the terminal, shows the plan, and carries it out if the user agrees. */
export async function installWithQuestions(installation: Installation, openTerminal: OpenTerminal): Promise<void> {
  const terminal = await openTerminal();
  try {
    terminal.write("\nk3OS installer. Nothing is changed before you agree to the summary.\n\n");
    await guide(installation, terminal, new Asker(terminal));
  } finally {
    await terminal.close();
  }
}

async function guide(installation: Installation, terminal: Terminal, asker: Asker): Promise<void> {
  const { host, settings } = installation;
  const found = await findDisks(host, settings);
  const refusal = settings.iso_url === undefined ? whyNoImage(host) : undefined;
  if (refusal !== undefined) terminal.write(`No installation here: ${refusal.message}.\n${refusal.hint}\n\n`);
  const opening = openInBackground(installation, found);
  const { answers, config } = await askAboutNode(installation, found, refusal === undefined, asker);
  if (answers.action === "configure") return configureSystem(host, terminal, asker, config);
  if (refusal !== undefined) throw refusal;

  const progress = terminalProgress(terminal);
  const device = answers.device ?? settings.device ?? theOnlyDisk(found);
  const disk = selectDisk(device, found, { force: settings.force === true || answers.force === true });
  const image = await opening(progress);
  const plan = makePlan({ disk, contents: await readContents(host, disk), image, config }, settings);
  terminal.write(summary(plan));
  if ((await asker.ask({ kind: "confirm", title: question(plan), initial: false })) !== true) {
    throw new K3osError("interrupted", "not installed; nothing was changed");
  }
  await carryOut(host, plan, progress, () => terminal.interrupted);
  await leaveWhenAgreed(host, plan, terminal, asker);
}

/** If only the system is replaced, other disks lose nothing that they need. */
async function findDisks(host: Host, { no_format }: Settings): Promise<Candidate[]> {
  const found = await findCandidates(host);
  return no_format === true ? found.map(({ memberOf: _, ...candidate }) => candidate) : found;
}

/** The answers, and the config made from them; no config if the one on the disk stays. */
async function askAboutNode(
  { host, settings, config }: Installation,
  found: readonly Candidate[],
  canInstall: boolean,
  asker: Asker,
): Promise<{ readonly answers: Answers; readonly config: NodeConfig | undefined }> {
  let fetched: NodeConfig | undefined;
  const situation = {
    settings,
    candidates: found,
    canInstall,
    wifi: canJoinWifi(host) && hasWifi(host),
    config,
    fetchConfig: async (place: string) => {
      fetched = await fetchConfig(host, place);
      return fetched;
    },
  };
  const answers = await interview(QUESTIONS, situation, (one) => asker.ask(one));
  if (answers.fromFile === true) return { answers, config: fetched };
  if (settings.config_url !== undefined || settings.no_format === true)
    return { answers, config: await configWithoutQuestions(host, settings, config) };
  const { password } = answers;
  const hashed = password === undefined ? {} : { password: await hashPassword(host, password) };
  return { answers, config: composeConfig(configFrom({ ...answers, ...hashed }, config)) };
}

/**
 * Starts to check the image while the user is still reading. Returns a function that waits for the result. Throws at
 * once if the disk cannot be used.
 */
function openInBackground(
  { host, settings }: Installation,
  found: readonly Candidate[],
): (progress: Progress) => Promise<SourceImage> {
  // The interview asks about a disk that is part of something larger.
  if (settings.device !== undefined) selectDisk(settings.device, found, { force: true });
  const outcome = imageToInstall(host, settings, silent).then(
    (image) => ({ image }),
    (error: unknown) => ({ error }),
  );
  return async (progress) => {
    const step = progress.step(settings.iso_url === undefined ? "Check the image" : "Fetch and check the image");
    const result = await outcome;
    if ("error" in result) {
      step.fail();
      throw result.error;
    }
    step.done(`k3OS ${result.image.json.version}`);
    return result.image;
  };
}

/** The config from `config_url`, else that of the running system; `undefined` if the one on the disk stays. */
async function configWithoutQuestions(
  host: Host,
  settings: Settings,
  running: Config,
): Promise<NodeConfig | undefined> {
  if (settings.config_url !== undefined) return fetchConfig(host, settings.config_url);
  return settings.no_format === true ? undefined : composeConfig(running);
}

async function carryOut(host: Host, plan: InstallPlan, progress: Progress, interrupted: () => boolean): Promise<void> {
  try {
    await withLock(host, "installer", () => writePlan(host, plan, progress));
  } catch (error) {
    if (!interrupted()) throw error;
    const hint = error instanceof K3osError ? error.hint : undefined;
    throw new K3osError("interrupted", "stopped", { cause: error, ...(hint !== undefined && { hint }) });
  }
}

async function leaveWhenAgreed(host: Host, plan: InstallPlan, terminal: Terminal, asker: Asker): Promise<void> {
  terminal.write(`\nk3OS is installed on ${plan.disk.path}. Remove the medium before the machine starts anew.\n`);
  const title = plan.afterwards === "power-off" ? "Power off now?" : "Restart now?";
  if ((await asker.ask({ kind: "confirm", title, initial: true })) === true) await leave(host, plan);
}

async function leave(host: Host, { afterwards, disk }: InstallPlan): Promise<void> {
  console.log(`k3OS is installed on ${disk.path}.`);
  await run(host, ["openrc-shutdown", afterwards === "power-off" ? "--poweroff" : "--reboot", "now"]);
}
