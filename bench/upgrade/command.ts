import { join } from "node:path";
import { Command } from "commander";
import { type BuiltImage, build, buildDisk } from "../../src/build/index.ts";
import type { Io } from "../../src/cli/io.ts";
import { jsonOption, numberOption } from "../../src/cli/options.ts";
import { asStep, withProgress } from "../../src/cli/progress/index.ts";
import { K3osError } from "../../src/errors.ts";
import type { Machine } from "../../src/vm/machine.ts";
import { throwAway } from "../../src/vm/throw-away.ts";
import { poll } from "../../src/vm/wait.ts";
import { serveDirectory } from "../../test/vm/support/serve.ts";
import { connect } from "../api/client.ts";
import { succeed } from "../on-machine.ts";
import { markdownOption, type OutputOptions, printMeasured, quiet } from "../output.ts";
import { rounded, spread } from "../statistics.ts";
import { cell, type Table } from "../table.ts";

interface UpgradeOptions extends OutputOptions {
  readonly runs: number;
  readonly timeout: number;
}

/** One reboot and one upgrade of the same machine. */
interface Turn {
  /** Seconds without an answer of the pod. */
  readonly reboot: number;
  readonly upgrade: number;
  /** Seconds from the start of `k3os upgrade` until the image was kept, with its download in the first turn. */
  readonly committed: number;
}

interface Measured {
  readonly turns: readonly Turn[];
  /** Bytes that reached the disk while the first image was fetched and staged, less what an idle node writes. */
  readonly written: number;
  readonly imageSize: number;
}

/** The pod is asked through the API, so an answer takes the API, the kubelet, the pod network and the pod. */
const POD = "/api/v1/namespaces/kube-system/services/kube-dns:metrics/proxy/metrics";
const config = "k3os: { upgrade: { unsigned: true, stable_for: 1s } }\n";
const diskMiB = 4096;
/** How long the idle node is watched for what it writes. */
const IDLE_S = 20;

export function upgradeBenchCommand(io: Io): Command {
  return new Command("upgrade")
    .description(
      "Reboots a node and upgrades it, in turns, and prints how long a pod does not answer each time, what an upgrade writes, and how " +
        "long it takes from the command until the image is kept.",
    )
    .addOption(numberOption("-n, --runs <count>", "reboots, and upgrades", 1, 100).default(3))
    .addOption(numberOption("--timeout <seconds>", "how long one of them may take", 1, 3600).default(900))
    .addOption(jsonOption())
    .addOption(markdownOption())
    .action((options: UpgradeOptions) => runUpgrades(options, io));
}

async function runUpgrades(options: UpgradeOptions, io: Io): Promise<void> {
  const { signal } = io;
  const measured = await withProgress(io, quiet(options), async (progress) => {
    const { image, dir } = await buildDisk("raw", { usualFlavour: "cloud", config, progress, signal });
    const text = "files: [{ path: /usr/share/k3os/second, content: second }]\n";
    const spec = { text, name: "bench-upgrade", directory: dir };
    const second = await build({ spec, progress, signal });
    return asStep(progress, `Reboot and upgrade ${options.runs} times`, (update) =>
      measure({ image, disk: join(dir, "k3os.raw"), second, options, signal, update }),
    );
  });
  const { turns, written, imageSize } = measured;
  const values = (key: keyof Turn) => turns.map((turn) => turn[key]);
  const ratio = spread(turns.map(({ upgrade, reboot }) => upgrade / reboot));
  const table: Table = {
    head: ["", "median (least–most)"],
    rows: [
      ["downtime of a reboot, s", cell(spread(values("reboot")))],
      ["downtime of an upgrade, s", cell(spread(values("upgrade")))],
      ["upgrade : reboot", cell(ratio, 2)],
      ["from the command until it is kept, s", cell(spread(values("committed")))],
      ["written while fetching and staging : size of the image", (written / imageSize).toFixed(2)],
    ],
  };
  printMeasured(io, options, [{ title: "An upgrade beside a reboot", table }], {
    runs: options.runs,
    ratio: rounded(ratio?.median, 3),
    written_ratio: rounded(written / imageSize, 3),
    turns,
  });
}

interface Conditions {
  readonly image: BuiltImage;
  readonly disk: string;
  readonly second: BuiltImage;
  readonly options: UpgradeOptions;
  readonly signal: AbortSignal;
  readonly update: (text: string) => void;
}

async function measure({ image, disk, second, options, signal, update }: Conditions): Promise<Measured> {
  const timeoutMs = options.timeout * 1000;
  const { machine, dispose } = await throwAway({
    ...{ image, signal, timeoutMs, boot: { kind: "disk", firmware: "bios" } },
    disk: { from: disk, sizeMiB: diskMiB },
  });
  const servers = await Promise.all([serveDirectory(second.dir), serveDirectory(image.dir)]);
  try {
    const client = await podClient(machine, timeoutMs);
    const idle = await writtenDuring(machine, () => machine.ssh(`sleep ${IDLE_S}`));
    let written = 0;
    const turns: Turn[] = [];
    for (let run = 0; run < options.runs; run++) {
      update(`${run + 1}`);
      const reboot = await client.silence(() => machine.ssh("sudo reboot"));
      const url = `http://10.0.2.2:${servers[run % 2]?.port}`;
      const begun = performance.now();
      const stage = () => succeed(machine, `sudo k3os upgrade --stage ${url}`, { mayEnd: true });
      const bytes = await writtenDuring(machine, stage);
      const seconds = (performance.now() - begun) / 1000;
      if (run === 0) written = bytes - (idle / IDLE_S) * seconds;
      const upgrade = await client.silence(() => succeed(machine, `sudo k3os upgrade ${url}`, { mayEnd: true }));
      await committed(machine, timeoutMs);
      turns.push({ reboot, upgrade, committed: (performance.now() - begun) / 1000 });
    }
    client.close();
    return { turns, written, imageSize: sizeOf(second) };
  } finally {
    for (const server of servers) server.close();
    await dispose();
  }
}

function sizeOf({ imageJson }: BuiltImage): number {
  return Object.values(imageJson.files ?? {}).reduce((sum, { size }) => sum + size, 0);
}

interface PodClient {
  /** Does `work`. Returns the seconds from the pod's last answer before it fell silent to the first one after. */
  silence(work: () => Promise<unknown>): Promise<number>;
  close(): void;
}

const EVERY_MS = 100;

async function podClient(machine: Machine, timeoutMs: number): Promise<PodClient> {
  const api = connect(machine.record.ports.api, machine.paths.kubeconfig, 4);
  if (api === undefined) throw new K3osError("machine", "The node has no kubeconfig.");
  const answers = async () => (await api.ask("GET", POD)) === 200;
  const answered = await poll(async () => (await answers()) || undefined, { timeoutMs, everyMs: EVERY_MS });
  if (answered === undefined) throw new K3osError("machine", "The pod never answered.");
  const silence: PodClient["silence"] = async (work) => {
    let last = performance.now();
    let fell = false;
    const watched = poll(
      async () => {
        const good = await answers();
        const now = performance.now();
        if (good && fell) return now - last;
        if (good) last = now;
        else fell = true;
        return undefined;
      },
      { timeoutMs, everyMs: EVERY_MS },
    );
    const [took] = await Promise.all([watched, work()]);
    if (took === undefined) throw new K3osError("machine", `The pod was not silent, or for more than ${timeoutMs} ms.`);
    return took / 1000;
  };
  return { silence, close: () => api.close() };
}

/** Bytes that the machine's disk takes during the work (Documentation/admin-guide/iostats.rst: field 7, sectors). */
async function writtenDuring(machine: Machine, work: () => Promise<unknown>): Promise<number> {
  const disk = "$(sed -n 's,^/dev/\\([a-z]*\\)[0-9]* /run/k3os/state .*,\\1,p' /proc/mounts)";
  const sectors = async () =>
    Number((await succeed(machine, `sync; cut -c1- /sys/block/${disk}/stat`, { mayEnd: true })).trim().split(/\s+/)[6]);
  const before = await sectors();
  await work();
  return ((await sectors()) - before) * 512;
}

async function committed(machine: Machine, timeoutMs: number): Promise<void> {
  const outcome = await poll(
    async () => {
      const { stdout } = await machine.ssh("sudo cat /k3os/system/deployments.json");
      if (stdout === "") return undefined;
      const { candidate, last } = JSON.parse(stdout) as {
        candidate?: unknown;
        last?: { result: string; reason?: string };
      };
      return candidate === undefined ? last : undefined;
    },
    { timeoutMs, everyMs: 1000 },
  );
  if (outcome?.result === "committed") return;
  throw new K3osError(
    "machine",
    `The image was not kept: ${outcome?.reason ?? `no decision after ${timeoutMs / 1000} s`}.`,
  );
}
