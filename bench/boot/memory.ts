import type { Line } from "../machines/lines.ts";

/** Memory of a guest in MiB, as `free -m` shows it. */
export interface Memory {
  /** MemTotal − MemAvailable: "used" of procps ≥ 4. */
  readonly used: number;
  /** MemTotal − MemFree − Buffers − Cached − SReclaimable: "used" of older ones. Files on a tmpfs do not count here. */
  readonly usedWithoutCache: number;
  /** Anonymous memory (proportional share) of the k3s server, of containerd, of its shims, and of what runs in pods. */
  readonly k3s: number;
  readonly containerd: number;
  readonly shims: number;
  readonly pods: number;
  /** Files of Kubernetes that live in memory, because they lie on a tmpfs. */
  readonly kubernetesFiles: number;
  /** Everything else: the kernel, the other programs, their files on a tmpfs. */
  readonly os: number;
  /** The part of `os` that is the other programs' anonymous memory. */
  readonly osPrograms: number;
  /** The part of `os` that is files on a tmpfs. */
  readonly osFiles: number;
  /** The part of `os` that the kernel keeps free or cached, whoever asks (watermarks; more of it with huge pages). */
  readonly osReserve: number;
}

export interface GuestProcess {
  readonly argv: readonly string[];
  readonly cgroup: string;
  /** KiB, from smaps_rollup. */
  readonly rss: number;
  readonly pss: number;
  readonly anonymous: number;
}

export type Owner = "k3s" | "containerd" | "shims" | "pods" | "os";

const mib = (kib: number) => kib / 1024;

/** Reads the probe's lines about memory; `undefined` if there are none. */
export function memoryOf(lines: readonly Line[]): Memory | undefined {
  const fields = new Map(
    rests(lines, "meminfo").map((line) => {
      const [, name = "", kib = "0"] = /^(\w+(?:\(\w+\))?): +(\d+)/.exec(line) ?? [];
      return [name, Number(kib)] as const;
    }),
  );
  const field = (name: string) => fields.get(name) ?? 0;
  if (field("MemTotal") === 0) return undefined;
  const used = field("MemTotal") - field("MemAvailable");
  const processes = processesIn(lines);
  const anonymous = (owner: Owner) =>
    processes.filter((one) => ownerOf(one) === owner).reduce((sum, one) => sum + one.anonymous, 0);
  const kubernetesFiles = rests(lines, "tmpfs").reduce((sum, line) => sum + Number(line.split(" ")[0]), 0);
  const kubernetes =
    anonymous("k3s") + anonymous("containerd") + anonymous("shims") + anonymous("pods") + kubernetesFiles;
  return {
    used: mib(used),
    usedWithoutCache: mib(
      field("MemTotal") - field("MemFree") - field("Buffers") - field("Cached") - field("SReclaimable"),
    ),
    k3s: mib(anonymous("k3s")),
    containerd: mib(anonymous("containerd")),
    shims: mib(anonymous("shims")),
    pods: mib(anonymous("pods")),
    kubernetesFiles: mib(kubernetesFiles),
    os: mib(used - kubernetes),
    osPrograms: mib(anonymous("os")),
    osFiles: mib(Math.max(0, field("Shmem") - kubernetesFiles)),
    osReserve: mib(reclaimable(field) - field("MemAvailable")),
  };
}

/** The memory that would be available without the kernel's watermarks. */
function reclaimable(field: (name: string) => number): number {
  return field("MemFree") + field("Active(file)") + field("Inactive(file)") + field("KReclaimable");
}

/** The processes that the probe saw: `process <rss> <pss> <anonymous> <cgroup> <argv…>`. */
function processesIn(lines: readonly Line[]): GuestProcess[] {
  return rests(lines, "process").map((line) => {
    const [rss = "0", pss = "0", anonymous = "0", cgroup = "", ...argv] = line.trim().split(" ");
    return { rss: Number(rss), pss: Number(pss), anonymous: Number(anonymous), cgroup, argv };
  });
}

/** The owner of a process. Supervisors and loggers of k3s belong to the operating system. */
export function ownerOf({ cgroup, argv }: Pick<GuestProcess, "cgroup" | "argv">): Owner {
  if (cgroup.includes("kubepods")) return "pods";
  const program = (argv[0] ?? "").split("/").at(-1) ?? "";
  if (program.startsWith("containerd-shim")) return "shims";
  if (program === "containerd" || (program === "k3s" && argv[1] === "containerd")) return "containerd";
  return program === "k3s" || program === "k3s-server" ? "k3s" : "os";
}

function rests(lines: readonly Line[], kind: string): string[] {
  return lines.filter((line) => line.kind === kind).map(({ rest }) => rest);
}
