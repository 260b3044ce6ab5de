import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { type BuiltImage, buildIso } from "../../src/build/index.ts";
import type { Io } from "../../src/cli/io.ts";
import { jsonOption, numberOption } from "../../src/cli/options.ts";
import { asStep, withProgress } from "../../src/cli/progress/index.ts";
import type { Disk } from "../../src/vm/qemu.ts";
import { throwAway } from "../../src/vm/throw-away.ts";
import { poll } from "../../src/vm/wait.ts";
import { markdownOption, type OutputOptions, printMeasured, quiet } from "../output.ts";
import { rounded, spread } from "../statistics.ts";
import { cell, type Table } from "../table.ts";
import { readSteps } from "./steps.ts";

interface InstallOptions extends OutputOptions {
  readonly runs: number;
  readonly timeout: number;
}

interface Measured {
  /** From the start of the install program, by step. */
  readonly steps: ReadonlyMap<string, number>;
  readonly seconds: number;
  /** Bytes in use on the state partition once the node is Ready. */
  readonly used: number;
}

interface Conditions {
  readonly image: BuiltImage;
  readonly iso: string;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

const diskMiB = 8192;

export function installCommand(io: Io): Command {
  return new Command("install")
    .description(
      "Installs k3OS from the ISO to an empty disk, without questions, and prints how long each step takes from the start of the " +
        "install program on; then boots from the disk, and prints what the state partition holds when the node is Ready.",
    )
    .addOption(numberOption("-n, --runs <count>", "installations", 1, 100).default(3))
    .addOption(numberOption("--timeout <seconds>", "how long one boot may take", 1, 3600).default(600))
    .addOption(jsonOption())
    .addOption(markdownOption())
    .action((options: InstallOptions) => runInstalls(options, io));
}

async function runInstalls(options: InstallOptions, io: Io): Promise<void> {
  const { signal } = io;
  const measured = await withProgress(io, quiet(options), async (progress) => {
    const { image, dir } = await buildIso({ progress, signal });
    const conditions = { image, signal, iso: join(dir, "k3os.iso"), timeoutMs: options.timeout * 1000 };
    return asStep(progress, `Install ${options.runs} times`, async (update) => {
      const done: Measured[] = [];
      while (done.length < options.runs) {
        update(`${done.length + 1}`);
        done.push(await measure(conditions));
      }
      return done;
    });
  });
  printMeasured(io, options, [{ title: "An installation, median (least–most)", table: table(measured) }], {
    runs: options.runs,
    install_s: rounded(spread(measured.map(({ seconds }) => seconds))?.median, 2),
    state_used_mb: rounded(spread(measured.map(({ used }) => used / 1e6))?.median, 1),
    installs: measured.map(({ steps, ...rest }) => ({ ...rest, steps: Object.fromEntries(steps) })),
  });
}

async function measure(conditions: Conditions): Promise<Measured> {
  const dir = mkdtempSync(join(tmpdir(), "k3os-bench-install-"));
  try {
    const file = join(dir, "disk.raw");
    writeFileSync(file, "");
    truncateSync(file, diskMiB * 1024 ** 2);
    const disk: Disk = { file, format: "raw", serial: "target", bootIndex: 1 };
    const installed = await install(conditions, disk);
    return { ...installed, used: await usedWhenReady(conditions, disk) };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Boots the installer as the ISO's menu does, but without firmware and menu, which are not measured. */
async function install({ image, iso, signal, timeoutMs }: Conditions, disk: Disk) {
  const root = "k3os.root=LABEL=K3OS:/k3os/system/current/root.squashfs";
  const { machine, dispose } = await throwAway({
    image,
    signal,
    boot: { kind: "image", dir: image.dir, append: `${root} k3os.mode=install` },
    config: 'k3os: { install: { silent: true, device: "serial=target", power_off: true } }\n',
    disks: [{ file: iso, format: "raw", serial: "iso", readOnly: true }, disk],
    wait: false,
  });
  try {
    let begun: number | undefined;
    let last = 0;
    const steps = new Map<string, number>();
    const finished = await poll(
      () => {
        const said = readSteps(machine.serial.text());
        const now = performance.now() / 1000;
        if (!said.begun) return undefined;
        begun ??= last = now;
        for (const step of said.ended.filter((ended) => !steps.has(ended))) {
          steps.set(step, now - last);
          last = now;
        }
        if (said.failure !== undefined) throw new Error(said.failure);
        return said.done ? now - begun : undefined;
      },
      { timeoutMs, everyMs: 20, signal },
    );
    if (typeof finished !== "number") throw new Error(`not installed after ${timeoutMs / 1000} s`);
    await poll(() => (machine.state === "running" ? undefined : true), { timeoutMs, everyMs: 100, signal });
    return { steps, seconds: finished };
  } finally {
    await dispose();
  }
}

async function usedWhenReady({ image, signal, timeoutMs }: Conditions, disk: Disk): Promise<number> {
  const { machine, dispose } = await throwAway({
    image,
    signal,
    boot: { kind: "disk", firmware: "bios" },
    disks: [disk],
    timeoutMs,
  });
  try {
    const { stdout } = await machine.ssh("sync; df -k /var | awk 'END { print $3 }'");
    return Number(stdout) * 1024;
  } finally {
    await dispose();
  }
}

function table(measured: readonly Measured[]): Table {
  const steps = [...new Set(measured.flatMap(({ steps }) => [...steps.keys()]))];
  const row = (title: string, of: (one: Measured) => number | undefined) => [title, cell(spread(measured.map(of)))];
  return {
    head: ["", "emulated"],
    rows: [
      ...steps.map((step) => row(`${step}, s`, ({ steps }) => steps.get(step))),
      row("from the start of the program to the end, s", ({ seconds }) => seconds),
      row("in use on the state partition when Ready, MB", ({ used }) => used / 1e6),
    ],
  };
}
