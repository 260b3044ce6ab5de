import type { MachineName } from "../machines/machine.ts";
import { machineNames, titles } from "../machines/machine.ts";
import { rounded, type Spread, spread } from "../statistics.ts";
import { cell, type Table } from "../table.ts";
import type { Boot } from "./boot.ts";
import { type StageName, stages } from "./marks.ts";
import type { Memory } from "./memory.ts";

/** All measurements, with the sizes of what was measured. */
export interface Measured {
  readonly boots: readonly Boot[];
  /** Bytes: kernel, initrd, root and iso of the image, and what the other machines are made of. */
  readonly sizes: Readonly<Partial<Record<MachineName, Readonly<Record<string, number>>>>>;
}

const stageTitles: Readonly<Record<StageName, string>> = {
  "power-on": "kernel started",
  kernel: "kernel done",
  init: "init began",
  root: "root mounted",
  config: "configuration applied",
  services: "services started",
  k3s: "k3s process started",
  containerd: "containerd ready",
  api: "API ready",
  ready: "node Ready",
  pod: "first pod answered",
  coredns: "cluster DNS ready",
};

const memoryTitles: Readonly<Record<keyof Memory, string>> = {
  used: "used (free, procps 4)",
  usedWithoutCache: "used (free, procps 3)",
  k3s: "k3s server",
  containerd: "containerd",
  shims: "containerd shims",
  pods: "pods",
  kubernetesFiles: "Kubernetes' files on tmpfs",
  os: "everything else",
  osPrograms: "of it: other programs",
  osFiles: "of it: other files on tmpfs",
  osReserve: "of it: kept back by the kernel",
};

type Pick = (boot: Boot) => number | undefined;

/** The middle of all boots of a machine; `undefined` when that was not measured. */
function over({ boots }: Measured, machine: MachineName, pick: Pick): Spread | undefined {
  return spread(boots.filter((boot) => boot.machine === machine).map(pick));
}

function applySpread({ boots }: Measured, machine: MachineName): Spread | undefined {
  return spread(boots.filter((boot) => boot.machine === machine).flatMap(({ applySeconds }) => applySeconds));
}

export function bootTables(measured: Measured): { title: string; table: Table }[] {
  const machines = machineNames.filter((name) => measured.boots.some(({ machine }) => machine === name));
  const row = (title: string, pick: Pick, digits?: number) => [
    title,
    ...machines.map((machine) => cell(over(measured, machine, pick), digits)),
  ];
  const head = machines.map((machine) => titles[machine]);
  const sizes = [...new Set(machines.flatMap((machine) => Object.keys(measured.sizes[machine] ?? {})))];
  return [
    {
      title: "Seconds since power-on, median (least–most)",
      table: {
        head: ["", ...head],
        rows: [
          ...stages.map((stage) => row(stageTitles[stage], ({ marks }) => marks[stage])),
          row("first pod: created → answered", ({ podSeconds }) => podSeconds),
          ["k3os apply, nothing to do", ...machines.map((machine) => cell(applySpread(measured, machine), 3))],
          ["node Ready, compared", ...machines.map((machine) => comparison(measured, machine))],
        ],
      },
    },
    {
      title: "Memory in MiB, 30 s after Ready, cluster DNS running",
      table: {
        head: ["", ...head],
        rows: Object.entries(memoryTitles).map(([key, title]) =>
          row(title, ({ memory }) => memory?.[key as keyof Memory], 0),
        ),
      },
    },
    {
      title: "Sizes in MB (10⁶ bytes)",
      table: {
        head: ["", ...head],
        rows: sizes.map((name) => [name, ...machines.map((machine) => megabytes(measured.sizes[machine]?.[name]))]),
      },
    },
  ];
}

function comparison(measured: Measured, machine: MachineName): string {
  if (machine === "os") return "1";
  const ratio = readyRatio(measured, machine);
  return ratio === undefined ? "–" : `k3OS is ${ratio.toFixed(2)} ×`;
}

function readyRatio(measured: Measured, machine: MachineName, our: MachineName = "os"): number | undefined {
  const [ours, theirs] = [over(measured, our, ready), over(measured, machine, ready)];
  return ours === undefined || theirs === undefined ? undefined : ours.median / theirs.median;
}

const ready: Pick = ({ marks }) => marks.ready;
const megabytes = (bytes: number | undefined) => (bytes === undefined ? "–" : (bytes / 1e6).toFixed(1));

/** The result for scripts: medians under fixed names, and all measurements. */
export function bootJson(measured: Measured): Record<string, unknown> {
  const middle = (machine: MachineName, pick: Pick, digits: number) =>
    rounded(over(measured, machine, pick)?.median, digits);
  const size = (machine: MachineName, name: string) => {
    const bytes = measured.sizes[machine]?.[name];
    return rounded(bytes === undefined ? undefined : bytes / 1e6, 1);
  };
  const used: Pick = ({ memory }) => memory?.used;
  return {
    ready_s: middle("os", ready, 2),
    metal_s: middle("metal", ready, 2),
    floor_s: middle("floor", ready, 2),
    peer_s: middle("peer", ready, 2),
    disk_s: middle("disk", ready, 2),
    again_s: middle("again", ready, 2),
    metal_per_ready: rounded(readyRatio(measured, "os", "metal"), 3),
    ready_per_floor: rounded(readyRatio(measured, "floor"), 3),
    ready_per_peer: rounded(readyRatio(measured, "peer"), 3),
    disk_per_floor: rounded(readyRatio(measured, "floor", "disk"), 3),
    again_per_floor: rounded(readyRatio(measured, "floor", "again"), 3),
    again_per_disk: rounded(readyRatio(measured, "disk", "again"), 3),
    pod_s: middle("os", ({ podSeconds }) => podSeconds, 2),
    apply_s: rounded(applySpread(measured, "os")?.median, 3),
    used_mb: middle("os", used, 0),
    floor_used_mb: middle("floor", used, 0),
    peer_used_mb: middle("peer", used, 0),
    os_used_mb: middle("os", ({ memory }) => memory?.os, 0),
    peer_os_used_mb: middle("peer", ({ memory }) => memory?.os, 0),
    kernel_mb: size("os", "kernel"),
    initrd_mb: size("os", "initrd"),
    root_mb: size("os", "root"),
    iso_mb: size("os", "iso"),
    metal_iso_mb: size("metal", "iso"),
    peer_root_mb: size("peer", "root"),
    boots: measured.boots.map(({ machine, marks, podSeconds, memory }) => ({
      machine,
      marks: numbers(marks, 2),
      pod_s: rounded(podSeconds, 2),
      memory_mb: memory && numbers(memory, 1),
    })),
  };
}

function numbers(values: object, digits: number): Record<string, number> {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, Number((value as number).toFixed(digits))]),
  );
}
