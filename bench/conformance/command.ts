import { randomInt } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { type BuiltImage, build } from "../../src/build/index.ts";
import { findProject } from "../../src/build/project.ts";
import { type Io, printLine } from "../../src/cli/io.ts";
import { jsonOption, memoryOption, numberOption } from "../../src/cli/options.ts";
import { asStep, withProgress } from "../../src/cli/progress/index.ts";
import { ExitWith } from "../../src/cli/report.ts";
import { K3osError } from "../../src/errors.ts";
import { markdownOption, type OutputOptions, printMeasured, quiet } from "../output.ts";
import { rounded } from "../statistics.ts";
import { EXPLAINED, LEFT_OUT } from "./explained.ts";
import { loadImages, targetOf, withNodes } from "./nodes.ts";
import { type Result, resultTable, unexplained } from "./report.ts";
import { runSpecs, type Target } from "./run.ts";
import { checkExplained, selectSpecs, withoutPods } from "./select.ts";
import { withServer } from "./server.ts";
import { conformanceSuite, type Suite } from "./suite.ts";

interface ConformanceOptions extends OutputOptions {
  readonly suites?: readonly string[];
  readonly all?: boolean;
  readonly serverAlone?: boolean;
  readonly focus?: RegExp;
  readonly skip?: RegExp;
  readonly count?: number;
  readonly seed?: number;
  readonly agents: number;
  readonly memory: number;
  readonly timeout: number;
  readonly list?: boolean;
  readonly log?: string;
}

/** The groups that ask most of a node, rather than of the API. */
const USUAL = ["sig-network", "sig-storage"];

export function conformanceCommand(io: Io): Command {
  return new Command("conformance")
    .description(
      "Runs specs of Kubernetes' own conformance suite against a node, in an order of chance, and prints what became of " +
        "them. The exit status is 1 if one failed that bench/conformance/explained.ts does not explain.",
    )
    .addOption(
      new Option(
        "--suites <names>",
        `special interest groups, with commas between them; ${USUAL.join(",")} if neither --all nor --focus is given`,
      ).argParser((text) => text.split(",")),
    )
    .addOption(new Option("--all", "those of all groups: hours").conflicts("suites"))
    .addOption(
      new Option(
        "--server-alone",
        "those that need no pod, of all groups, against a server on this workstation (as root)",
      ).conflicts(["agents", "memory"]),
    )
    .addOption(new Option("--focus <regexp>", "only specs whose names match").argParser(asRegExp))
    .addOption(new Option("--skip <regexp>", "no specs whose names match").argParser(asRegExp))
    .addOption(numberOption("--count <number>", "so many of them, drawn at random", 1, 10_000))
    .addOption(numberOption("--seed <number>", "what decides order and choice; another one each time", 1, 2 ** 31 - 1))
    .addOption(numberOption("--agents <number>", "nodes besides the server", 0, 4).default(0))
    .addOption(memoryOption().default(6144, "6G"))
    .addOption(numberOption("--timeout <seconds>", "how long each node may take to be Ready", 1, 36_000).default(900))
    .addOption(new Option("--list", "print the names of the specs, and run none"))
    .addOption(new Option("--log <file>", "keep what the suite itself prints there"))
    .addOption(jsonOption())
    .addOption(markdownOption())
    .action((options: ConformanceOptions) => runConformance(options, io));
}

function asRegExp(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

async function runConformance(options: ConformanceOptions, io: Io): Promise<void> {
  const { signal } = io;
  if (options.log !== undefined) emptyFile(options.log);
  const { seed = randomInt(1, 2 ** 31 - 1), list = false } = options;
  const results = await withProgress(io, list || quiet(options), async (progress) => {
    const image = await build({ progress, signal });
    const suite = await conformanceSuite({ image, progress, signal });
    checkExplained(suite.specs, [...LEFT_OUT, ...EXPLAINED]);
    const specs = chosen(suite, options, seed);
    if (list) return specs;
    const nodes = 1 + options.agents;
    const explained = EXPLAINED.filter(({ fewerThan = Number.POSITIVE_INFINITY }) => nodes < fewerThan);
    const place = options.serverAlone ? "a server" : nodes === 1 ? "a node" : `${nodes} nodes`;
    return asStep(progress, `Run ${specs.length} specs on ${place}`, (update) => {
      const { log } = options;
      const onSpec = (ended: number, failed: number) => update(`${ended} of ${specs.length}, ${failed} failed`);
      const how = { seed, explained, signal, onSpec, ...(log !== undefined && { log }) };
      return onTarget(image, suite, options, { signal, update }, (target) => runSpecs(target, suite, specs, how));
    });
  });
  if (isNames(results)) for (const name of results) printLine(io, name);
  else printResults(results, seed, options, io);
}

function chosen(suite: Suite, options: ConformanceOptions, seed: number): string[] {
  const { all, focus, serverAlone, suites, skip, count } = options;
  const from = serverAlone ? withoutPods(suite.specs, podless()) : suite.specs;
  const usual = all || serverAlone || focus !== undefined ? {} : { suites: USUAL };
  const more = { ...(suites && { suites }), ...(focus && { focus }), ...(skip && { skip }), ...(count && { count }) };
  return selectSpecs(from, { ...usual, ...more, seed }, LEFT_OUT);
}

/** The names of `without-pods.txt`. */
function podless(): string[] {
  const text = readFileSync(join(findProject(), "bench/conformance/without-pods.txt"), "utf8");
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

/** Starts what the suite runs against, and brings the images of its pods there. */
function onTarget<T>(
  image: BuiltImage,
  suite: Suite,
  { serverAlone, agents, memory: memoryMiB, timeout }: ConformanceOptions,
  { signal, update }: { readonly signal: AbortSignal; readonly update: (text: string) => void },
  work: (target: Target) => Promise<T>,
): Promise<T> {
  const timeoutMs = timeout * 1000;
  if (serverAlone) return withServer({ k3s: image.k3s, timeoutMs, signal }, work);
  return withNodes({ image, agents, memoryMiB, timeoutMs, signal, update }, async (server, others) => {
    for (const machine of [server, ...others]) {
      update(`images to ${machine.name}`);
      await loadImages(machine, suite.images, signal);
    }
    return work(targetOf(server));
  });
}

/** Before hours are spent on what cannot be kept. */
function emptyFile(path: string): void {
  try {
    writeFileSync(path, "");
  } catch (error) {
    throw new K3osError("usage", `--log ${path} cannot be written: ${(error as Error).message}`);
  }
}

const isNames = (results: readonly (Result | string)[]): results is readonly string[] =>
  results.every((one) => typeof one === "string");

/** The table, and why what did not pass did not. */
function printResults(results: readonly Result[], seed: number, options: OutputOptions, io: Io): void {
  const title = `Specs of [Conformance], seed ${seed}`;
  const rest = results.filter(({ state }) => state !== "passed");
  printMeasured(io, options, [{ title, table: resultTable(results) }], {
    ...{ seed, passed: results.length - rest.length, specs: results.length },
    seconds: rounded(
      results.reduce((sum, one) => sum + one.seconds, 0),
      0,
    ),
    rest: rest.map((one) => ({ ...one, seconds: rounded(one.seconds, 0) })),
  });
  for (const { spec, state, message, explained } of options.json ? [] : rest) {
    printLine(io, `\n${state}: ${spec}${explained === undefined ? "" : `\n  explained: ${explained}`}`);
    for (const line of message.trim().split("\n").slice(0, 12)) printLine(io, `  ${line}`);
  }
  if (unexplained(results).length > 0) throw new ExitWith(1);
}
