import { join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { type BuiltImage, buildDisk } from "../../src/build/index.ts";
import type { Io } from "../../src/cli/io.ts";
import { jsonOption, numberOption } from "../../src/cli/options.ts";
import { asStep, withProgress } from "../../src/cli/progress/index.ts";
import { ExitWith } from "../../src/cli/report.ts";
import { K3osError } from "../../src/errors.ts";
import type { Machine } from "../../src/vm/machine.ts";
import { lateTimer } from "../../src/vm/qemu.ts";
import { throwAway } from "../../src/vm/throw-away.ts";
import { poll } from "../../src/vm/wait.ts";
import { succeed } from "../on-machine.ts";
import { markdownOption, type OutputOptions, printMeasured, quiet } from "../output.ts";
import type { Table } from "../table.ts";
import { CASES, type Case, type CaseName } from "./cases.ts";
import { type Devices, DRIVERS, parseDrivers } from "./devices.ts";

interface HardwareOptions extends OutputOptions {
  readonly only: readonly CaseName[];
  readonly timeout: number;
}

interface Found extends Devices {
  /** Seconds from power-on until somebody could log in. */
  readonly seconds: number;
  /** Files that drivers asked for and did not find. */
  readonly missing: readonly string[];
}

const names = Object.keys(CASES) as CaseName[];
const diskMiB = 4096;

export function hardwareCommand(io: Io): Command {
  return new Command("hardware")
    .description(
      "Boots a disk of the flavour metal on machines with controllers and network cards of real ones, and prints which drivers " +
        "run them. The exit status is 1 if one is not reached, has another driver than expected, or misses firmware.",
    )
    .addOption(
      new Option("--only <names>", `which of them, with commas between: ${names.join(", ")}`)
        .argParser(parseNames)
        .default(names, "all of them"),
    )
    .addOption(numberOption("--timeout <seconds>", "how long one boot may take", 1, 3600).default(300))
    .addOption(jsonOption())
    .addOption(markdownOption())
    .action((options: HardwareOptions) => runHardware(options, io));
}

function parseNames(text: string): CaseName[] {
  return text.split(",").map((word) => {
    const name = names.find((known) => known === word);
    if (name === undefined) throw new InvalidArgumentError(`"${word}" is none of ${names.join(", ")}.`);
    return name;
  });
}

async function runHardware(options: HardwareOptions, io: Io): Promise<void> {
  const { signal } = io;
  const results = new Map<CaseName, Found | string>();
  await withProgress(io, quiet(options), async (progress) => {
    const disk = { usualFlavour: "metal", arguments: [lateTimer], progress, signal } as const;
    const { image, dir } = await buildDisk("raw", disk);
    const how = { image, disk: join(dir, "k3os.raw"), timeoutMs: options.timeout * 1000, signal };
    for (const name of options.only) {
      const look = () => lookAt(CASES[name], how).catch(orReason);
      results.set(name, await asStep(progress, name, look, (found) => (typeof found === "string" ? found : "")));
    }
  });
  const table: Table = {
    head: ["machine", "reached after, s", "disk's drivers", "card's driver", "by-path", "missing firmware"],
    rows: [...results].map(([name, found]) =>
      typeof found === "string"
        ? [CASES[name].title, found, "", "", "", ""]
        : [
            ...[CASES[name].title, found.seconds.toFixed(0), found.disk.join(" ")],
            ...[found.cards.map((card) => card[0] ?? "none").join(", "), found.paths[0] ?? "", found.missing.join(" ")],
          ],
    ),
  };
  printMeasured(io, options, [{ title: "The flavour metal on machines of QEMU", table }], Object.fromEntries(results));
  if ([...results].some(([name, found]) => !isAsExpected(CASES[name], found))) throw new ExitWith(1);
}

/** Its sentence, if it is about the machine. */
function orReason(error: unknown): string {
  if (error instanceof K3osError) return error.message;
  throw error;
}

function isAsExpected({ drivers }: Case, found: Found | string): boolean {
  if (typeof found === "string" || found.missing.length > 0 || found.paths.length === 0) return false;
  return found.disk.includes(drivers.disk) && found.cards.some((card) => card.includes(drivers.card));
}

interface Conditions {
  readonly image: BuiltImage;
  readonly disk: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

async function lookAt(what: Case, { image, disk, timeoutMs, signal }: Conditions): Promise<Found> {
  const { machine, dispose } = await throwAway({
    ...{ image, signal, wait: false, boot: { kind: "disk", firmware: what.firmware } },
    ...{ disk: { from: disk, sizeMiB: diskMiB, bus: what.bus }, nics: [{ model: what.card }] },
    ...(what.board && { board: what.board }),
  });
  try {
    const begun = performance.now();
    await reached(machine, timeoutMs, signal);
    const seconds = (performance.now() - begun) / 1000;
    const devices = parseDrivers(await succeed(machine, DRIVERS));
    // The node is not Ready yet, so its exit status is not 0.
    const status = JSON.parse(await succeed(machine, "sudo k3os status --json || true"));
    const missing = (status.missing_firmware as readonly { readonly file: string }[]).map(({ file }) => file);
    return { ...devices, seconds, missing };
  } finally {
    await dispose();
  }
}

async function reached(machine: Machine, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const login = async () => (await machine.ssh("true")).status === 0 || undefined;
  if ((await poll(login, { timeoutMs, everyMs: 500, signal })) !== undefined) return;
  throw new K3osError("machine", `Nobody could log in within ${timeoutMs / 1000} s.`);
}
