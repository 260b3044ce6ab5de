import { resolve } from "node:path";
import { Command } from "commander";
import { K3osError } from "../../errors.ts";
import type { Machine } from "../../vm/machine.ts";
import { type Io, printJson, printLine } from "../io.ts";
import { requireRunning } from "../machines.ts";
import { examples, jsonOption, nameOption, numberOption } from "../options.ts";
import { asStep, withProgress } from "../progress/index.ts";
import { ExitWith } from "../report.ts";
import { type Outcome, whyGivenUp } from "../upgrading/outcome.ts";
import { type Answer, askNode, awaitOutcome, requireDisk, sendImage, statusOf } from "../upgrading/upgrade.ts";

interface UpgradeCommandOptions {
  readonly name: string;
  readonly image?: string;
  readonly spec?: string;
  readonly stage?: boolean;
  readonly allowDowngrade?: boolean;
  readonly retry?: boolean;
  readonly timeout: number;
  readonly json?: boolean;
}

export function upgradeCommand(io: Io): Command {
  const command = new Command("upgrade")
    .summary("upgrade a machine that runs from a disk, and wait for the outcome")
    .description(
      "Builds the image, brings it to a running machine, which tries it, and waits until it is kept or given up. " +
        "The exit status is 1 if it was given up.",
    )
    .addOption(nameOption())
    .option(
      "--image <place>",
      "a directory with an image that is built already, or a URL that the node fetches it from",
    )
    .option("--spec <file>", "what is built: the image.yaml that says what goes in, instead of os/image.yaml")
    .option("--stage", "put the image into the other slot, and leave the trial for later")
    .option("--allow-downgrade", "take an image that is older than the one that runs")
    .option("--retry", "try an image that was given up before")
    .addOption(numberOption("--timeout <seconds>", "how long to wait for the outcome", 1, 86_400).default(1800))
    .addOption(jsonOption())
    .action((options: UpgradeCommandOptions) => runUpgrade(options, io));
  return examples(
    command,
    ["./k3os upgrade", "the machine k3os, to the image as it is built now"],
    ["./k3os upgrade --image out --stage", "one that is built already, to be tried later"],
    ["./k3os upgrade --image https://example.com/k3os", "one that is signed by a key of the node's config"],
  );
}

async function runUpgrade(options: UpgradeCommandOptions, io: Io): Promise<void> {
  const { name, image, spec, json = false, timeout } = options;
  if (image !== undefined && spec !== undefined)
    throw new K3osError("usage", "--spec has no effect: --image names an image that is built already.");
  const machine = requireRunning(name);
  requireDisk(machine);
  const { answer, outcome } = await withProgress(io, json, async (progress) => {
    const directory = await findImage(machine, options, progress, io);
    const before = (await statusOf(machine, io.signal))?.last_upgrade?.at;
    const asked = { ...choices(options), signal: io.signal };
    const answer =
      directory === undefined
        ? await askNode(machine, image ?? "", asked)
        : await sendImage(machine, directory, asked, progress);
    if (answer.state !== "armed") return { answer };
    const wait = (update: (phase: string) => void) =>
      awaitOutcome(
        machine,
        { ...answer, before },
        {
          ...{ timeoutMs: timeout * 1000, signal: io.signal, onPhase: update },
          alive: () => machine.state === "running",
        },
      );
    const told = ({ kept }: Outcome) => (kept ? "kept" : "given up");
    return { answer, outcome: await asStep(progress, `Try ${answer.version}`, wait, told) };
  });
  if (outcome !== undefined) machine.update({ version: outcome.runs });
  if (json) printJson(io, { ...answer, ...(outcome !== undefined && { outcome }) });
  tell(machine, answer, outcome, { io, json });
}

const choices = ({ stage = false, allowDowngrade = false, retry = false }: UpgradeCommandOptions) => ({
  ...{ stage, allowDowngrade, retry },
});

/** The directory of the image; `undefined` if the node fetches it from somewhere else. */
async function findImage(
  { record: { architecture } }: Machine,
  { image, spec }: UpgradeCommandOptions,
  progress: Parameters<typeof sendImage>[3],
  io: Io,
): Promise<string | undefined> {
  if (image !== undefined) return /^(https?|oci):\/\//.test(image) ? undefined : resolve(image);
  const { build } = await import("../../build/index.ts");
  return (await build({ architecture, progress, signal: io.signal, ...(spec !== undefined && { spec }) })).dir;
}

function tell(
  { name }: Machine,
  { state, version, slot }: Answer,
  outcome: Outcome | undefined,
  { io, json }: { readonly io: Io; readonly json: boolean },
): void {
  if (outcome?.kept === false) {
    io.stderr.write(`k3os: "${name}" gave ${version} up, and runs ${outcome.runs}: ${whyGivenUp(outcome)}\n`);
    throw new ExitWith(1);
  }
  if (json) return;
  const again = `${version} is staged in slot ${slot} of "${name}"; the same command without --stage tries it`;
  const kept = (down: number | undefined) =>
    `"${name}" keeps ${version}${down === undefined ? "" : `: its node was Ready ${down} s after its services stopped`}`;
  if (state === "current") printLine(io, `"${name}" keeps ${version} already: nothing to do`);
  else printLine(io, outcome === undefined ? again : kept(outcome.downtime_s));
}
