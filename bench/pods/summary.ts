import { K3osError } from "../../src/errors.ts";
import { hostMemory } from "../../src/vm/memory.ts";
import type { Line } from "../machines/lines.ts";
import { type MachineName, titles } from "../machines/machine.ts";
import { rounded } from "../statistics.ts";
import type { Table } from "../table.ts";

/** Whose processor time it was: the rows of their own, and of the programs that they have started and waited for. */
const owners = {
  k3s: ["k3s server", "its programs (mount)"],
  containerd: ["containerd", "its programs (CNI plugins, starts of shims)"],
  shims: ["shims", "their programs (crun)"],
} as const;
type Owner = keyof typeof owners;
const ownerNames = Object.keys(owners) as Owner[];

/** Seconds of processor time: of the programs themselves, and of those that they have started. */
interface Spent {
  readonly own: number;
  readonly started: number;
}

/** How one machine started its pods. */
export interface Pods {
  readonly machine: MachineName;
  readonly count: number;
  /** Seconds from creating the deployment until one, half and all of its pods were ready. */
  readonly first: number;
  readonly half: number;
  readonly all: number;
  /** Seconds of processor time meanwhile, of all processors. */
  readonly machineCpu: number;
  readonly cpu: Readonly<Record<Owner, Spent>>;
  /** MemTotal − MemAvailable without and with the pods, in MiB. */
  readonly usedBefore: number;
  readonly usedAfter: number;
  /** How often each warning was an event of a pod. */
  readonly warnings: Readonly<Record<string, number>>;
}

/** Reads what the probe reports when it starts `count` pods. */
export function podsOf(machine: MachineName, lines: readonly Line[], count: number): Pods {
  const rests = (kind: string) => lines.filter((line) => line.kind === kind).map(({ rest }) => rest);
  const created = lines.find(({ kind, rest }) => kind === "mark" && rest === "create")?.uptime ?? Number.NaN;
  const running = lines.filter(({ kind }) => kind === "running");
  const until = (wanted: number) => {
    const reached = running.find(({ rest }) => Number(rest) >= wanted);
    if (reached !== undefined && !Number.isNaN(created)) return reached.uptime - created;
    throw new K3osError("machine", `"${machine}" does not report when ${wanted} of ${count} pods ran.`, {
      hint: "Look at what it reports with --verbose.",
    });
  };
  const spent = (owner: string): Spent => {
    const [before, after] = [spentIn(rests("spent"), "before", owner), spentIn(rests("spent"), "after", owner)];
    return { own: after.own - before.own, started: after.started - before.started };
  };
  const warnings = rests("warning").map((rest) => rest.split(" "));
  return {
    ...{ machine, count, first: until(1), half: until(Math.ceil(count / 2)), all: until(count) },
    machineCpu: spent("machine").own,
    cpu: Object.fromEntries(ownerNames.map((owner) => [owner, spent(owner)])) as Record<Owner, Spent>,
    ...{ usedBefore: used(rests("meminfobefore")), usedAfter: used(rests("meminfo")) },
    warnings: Object.fromEntries(warnings.map(([times, reason = ""]) => [reason, Number(times)])),
  };
}

/** The processor time up to a look. Its lines are `<look> <owner> <own> <of what it started>`, in 1/100 s. */
function spentIn(rests: readonly string[], look: string, owner: string): Spent {
  const lines = rests.map((rest) => rest.split(" ")).filter(([of, whose]) => of === look && whose === owner);
  const sum = (field: number) => lines.reduce((total, line) => total + Number(line[field]), 0) / 100;
  return { own: sum(2), started: sum(3) };
}

function used(meminfo: readonly string[]): number {
  const { totalMiB, availableMiB } = hostMemory(meminfo.join("\n"));
  return totalMiB - availableMiB;
}

export function podsTable(measured: readonly Pods[]): Table {
  const row = (title: string, pick: (pods: Pods) => number, digits: number) => [
    title,
    ...measured.map((pods) => pick(pods).toFixed(digits)),
  ];
  const each = (pick: (pods: Pods) => number) => (pods: Pods) => pick(pods) / pods.count;
  const named = ({ cpu }: Pods) => Object.values(cpu).reduce((sum, { own, started }) => sum + own + started, 0);
  return {
    head: ["", ...measured.map(({ machine }) => titles[machine])],
    rows: [
      row("the first pod is ready after, s", ({ first }) => first, 0),
      row("half of them, s", ({ half }) => half, 0),
      row("all of them, s", ({ all }) => all, 0),
      row(
        "processor time a pod, s",
        each(({ machineCpu }) => machineCpu),
        2,
      ),
      ...ownerNames.flatMap((owner) => [
        row(
          `of it: ${owners[owner][0]}`,
          each(({ cpu }) => cpu[owner].own),
          2,
        ),
        row(
          `of it: ${owners[owner][1]}`,
          each(({ cpu }) => cpu[owner].started),
          2,
        ),
      ]),
      row(
        "of it: everything else",
        each((pods) => pods.machineCpu - named(pods)),
        2,
      ),
      row("memory of the node before, MiB", ({ usedBefore }) => usedBefore, 0),
      row("and with them, MiB", ({ usedAfter }) => usedAfter, 0),
      row(
        "a pod, MiB",
        each(({ usedAfter, usedBefore }) => usedAfter - usedBefore),
        1,
      ),
      ["warnings of pods", ...measured.map(({ warnings }) => shown(warnings))],
    ],
  };
}

function shown(warnings: Pods["warnings"]): string {
  const all = Object.entries(warnings).map(([reason, times]) => `${times} × ${reason}`);
  return all.length === 0 ? "–" : all.join(", ");
}

/** The result for scripts. */
export function podsJson(measured: readonly Pods[]): Record<string, unknown> {
  const [ours, theirs] = ["os", "peer"].map((name) => measured.find(({ machine }) => machine === name)?.all);
  return {
    seconds: rounded(ours, 1),
    peer_seconds: rounded(theirs, 1),
    per_peer: rounded(ours === undefined || theirs === undefined ? undefined : ours / theirs, 3),
    machines: measured.map(
      ({ machine, count, first, half, all, machineCpu, cpu, usedBefore, usedAfter, warnings }) => ({
        ...{ machine, pods: count, first_s: rounded(first, 1), half_s: rounded(half, 1), all_s: rounded(all, 1) },
        ...{
          cpu_s: rounded(machineCpu, 1),
          used_before_mib: rounded(usedBefore, 0),
          used_after_mib: rounded(usedAfter, 0),
        },
        cpu_of_s: Object.fromEntries(
          ownerNames.map((owner) => [owner, [rounded(cpu[owner].own, 1), rounded(cpu[owner].started, 1)]]),
        ),
        warnings,
      }),
    ),
  };
}
