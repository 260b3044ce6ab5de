/** What differs on a node from the config that was applied. Pure. */
import type { StepName } from "../config/index.ts";
import { type Observed, outdatedPaths } from "../config/pending.ts";
import type { Step } from "../config/steps/step.ts";
import type { MachineStatus } from "../kubernetes/machine.ts";

/** One thing that differs, without its value. `path` is a path, or a name of that kind. */
export interface Difference {
  readonly kind: string;
  readonly path: string;
}

export type Drift = NonNullable<MachineStatus["drift"]>;

/** What a step that is due again says: its files, another name, or nothing if that is no change of the node. */
type Rule<K extends StepName> = "files" | "nothing" | ((step: Step<K>) => Difference);

const RULES: { readonly [K in StepName]: Rule<K> } = {
  account: ({ user }) => ({ kind: "Account", path: user }),
  "authorized-keys": "files",
  command: "nothing",
  dns: "files",
  environment: "files",
  file: "files",
  hostname: ({ name }) => ({ kind: "Hostname", path: name }),
  k3s: "files",
  // It is put there once. Whoever deletes it may do so.
  manifest: "nothing",
  module: ({ name }) => ({ kind: "Module", path: name }),
  mount: ({ path }) => ({ kind: "Mount", path }),
  network: () => ({ kind: "Network", path: "k3os.network" }),
  "no-account": ({ user }) => ({ kind: "Account", path: user }),
  "no-network": () => ({ kind: "Network", path: "k3os.network" }),
  ntp: "files",
  password: ({ user }) => ({ kind: "Password", path: user }),
  registries: "files",
  "remote-keys": "nothing",
  "remote-manifest": "nothing",
  // A condition of the Machine tells it.
  "restart-k3s": "nothing",
  restore: ({ path }) => ({ kind: "File", path }),
  "restore-sysctl": ({ key }) => ({ kind: "Sysctl", path: key }),
  sysctl: ({ key }) => ({ kind: "Sysctl", path: key }),
  timezone: "files",
  wifi: "files",
};

/** What the steps that are due again say. */
export function differencesOf(due: readonly Step[], observed: Observed): Difference[] {
  return due.flatMap((step) => differenceOf(step, observed));
}

function differenceOf<K extends StepName>(step: Step<K>, observed: Observed): Difference[] {
  const rule: Rule<K> = RULES[step.kind];
  if (rule === "nothing") return [];
  if (rule !== "files") return [rule(step)];
  return outdatedPaths(step, observed).map((path) => ({ kind: "File", path }));
}

/**
 * Words of the kernel's command line that the boot menu would not have written, or that it would and are not there.
 * `wanted` are the words of image and machine; `ignored` says which others belong to the menu.
 */
export function kernelDifferences(
  cmdline: string,
  wanted: readonly string[],
  ignored: (word: string) => boolean,
): Difference[] {
  const words = cmdline.trim().split(/\s+/);
  const missing = wanted.filter((word) => !words.includes(word));
  const extra = words.filter((word) => !wanted.includes(word) && !ignored(word));
  return [...missing, ...extra].map((word) => ({ kind: "KernelArgument", path: nameOf(word) }));
}

/** Without its value, which may be a secret. */
const nameOf = (word: string): string => word.split("=")[0] ?? word;

/** The differences with the time since when each is known. */
export function driftSince(before: Drift, now: readonly Difference[], time: string): Drift {
  const known = new Map(now.map((entry) => [`${entry.kind} ${entry.path}`, entry]));
  return [...known.values()].map(({ kind, path }) => {
    const same = before.find((entry) => entry.kind === kind && entry.path === path);
    return { kind, path, since: same?.since ?? time };
  });
}
