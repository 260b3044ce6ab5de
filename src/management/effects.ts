/** What a change of the config does to a node: pure, and complete, because every key and every kind of step is here. */
import { type Config, type ConfigKey, type Facts, plan, type Step, type StepName } from "../config/index.ts";
import { kindOf } from "../config/steps/index.ts";
import type { Effect } from "../kubernetes/machine.ts";

/** A key whose value changes, and what that does to the node. */
export interface Change {
  readonly path: ConfigKey;
  readonly effect: Effect;
}

/** The effect of a key: that of the steps that it asks for, or one of its own where something else reads it. */
const KEYS: { readonly [K in ConfigKey]: "steps" | Effect } = {
  hostname: "steps",
  ssh_authorized_keys: "steps",
  write_files: "steps",
  init_cmd: "steps",
  boot_cmd: "steps",
  run_cmd: "steps",
  // Asked once, by the boot.
  "k3os.data_sources": "Reboot",
  "k3os.modules": "steps",
  "k3os.sysctls": "steps",
  "k3os.ntp_servers": "steps",
  "k3os.dns_nameservers": "steps",
  "k3os.network": "steps",
  "k3os.wifi": "steps",
  "k3os.password": "steps",
  "k3os.server_url": "steps",
  "k3os.token": "steps",
  "k3os.labels": "steps",
  "k3os.k3s_args": "steps",
  "k3os.environment": "steps",
  "k3os.taints": "steps",
  "k3os.timezone": "steps",
  "k3os.mounts": "steps",
  "k3os.users": "steps",
  "k3os.proxy": "steps",
  "k3os.registries": "steps",
  "k3os.manifests": "steps",
  // Read each time that an upgrade begins.
  "k3os.upgrade": "Live",
  // The boot chooses the services.
  "k3os.watchdog": "Reboot",
  // Read by the installer only.
  "k3os.install": "Live",
};

interface StepChange<K extends StepName> {
  readonly added: readonly Step<K>[];
  readonly removed: readonly Step<K>[];
}

type Rule<K extends StepName> = Effect | ((change: StepChange<K>) => Effect);

/**
 * The effect of a step that comes, goes or changes. `Live` is what `k3os apply` does at once. What is only removed, and
 * what nothing undoes before the next boot, such as a command, is no reason for one.
 */
const STEPS: { readonly [K in StepName]: Rule<K> } = {
  account: "Live",
  "authorized-keys": "Live",
  command: ({ added }) => (added.some(({ list }) => list !== "run_cmd") ? "Reboot" : "Live"),
  // It counts when dhcpcd next writes resolv.conf, and a wrong one may cut the node off from its server.
  dns: "Reboot",
  environment: "Restart",
  file: ({ added, removed }) => ([...added, ...removed].some(isReadByK3s) ? "Restart" : "Live"),
  hostname: "Reboot",
  // Labels and taints count when a node registers. The agent sets the labels of a node that is registered.
  k3s: ({ added, removed }) => (sameButForLabels(added, removed) ? "Live" : "Restart"),
  manifest: "Live",
  // A module takes its parameters when it is loaded.
  module: ({ added }) => (added.some(({ parameters }) => parameters.length > 0) ? "Reboot" : "Live"),
  // What is mounted may be in use.
  mount: ({ removed }) => (removed.length > 0 ? "Reboot" : "Live"),
  // A wrong network cuts the node off. A trial takes it back.
  network: "Reboot",
  "no-account": "Live",
  "no-network": "Reboot",
  ntp: "Live",
  password: "Live",
  registries: "Restart",
  "remote-keys": "Live",
  "remote-manifest": "Live",
  "restart-k3s": "Restart",
  restore: "Live",
  "restore-sysctl": "Live",
  sysctl: "Live",
  timezone: "Live",
  wifi: "Reboot",
};

const ORDER = ["Live", "Restart", "Reboot"] as const satisfies readonly Effect[];

/** Whether a change with this effect does more to a node than `most`. */
export function exceeds(effect: Effect, most: Effect): boolean {
  return ORDER.indexOf(effect) > ORDER.indexOf(most);
}

/** The strongest of these effects; `undefined` if there is none. */
export function strongest(effects: readonly Effect[]): Effect | undefined {
  return ORDER.findLast((effect) => effects.includes(effect));
}

/** The keys whose values differ, each with its effect. */
export function changesBetween(before: Config, after: Config, facts: Facts): Change[] {
  return (Object.keys(KEYS) as ConfigKey[]).flatMap((path) => {
    const value = valueAt(after, path);
    if (JSON.stringify(value) === JSON.stringify(valueAt(before, path))) return [];
    const own = KEYS[path];
    return [{ path, effect: own === "steps" ? effectOfSteps(before, withValue(before, path, value), facts) : own }];
  });
}

function effectOfSteps(before: Config, after: Config, facts: Facts): Effect {
  const [old, fresh] = [plan(before, facts), plan(after, facts)];
  const [known, wanted] = [new Set(old.map(identity)), new Set(fresh.map(identity))];
  const removed = old.filter((step) => !wanted.has(identity(step)));
  const added = fresh.filter((step) => !known.has(identity(step)));
  const kinds = [...new Set([...removed, ...added].map(({ kind }) => kind))];
  return strongest(kinds.map((kind) => effectOfKind(kind, added, removed))) ?? "Live";
}

function effectOfKind<K extends StepName>(kind: K, added: readonly Step[], removed: readonly Step[]): Effect {
  const rule: Rule<K> = STEPS[kind];
  if (typeof rule === "string") return rule;
  const ofKind = (steps: readonly Step[]) => steps.filter((step) => step.kind === kind) as unknown as Step<K>[];
  return rule({ added: ofKind(added), removed: ofKind(removed) });
}

const identity = (step: Step): string => JSON.stringify(step);

function isReadByK3s(step: Step<"file">): boolean {
  return kindOf(step).isReadByK3s?.(step, undefined) ?? false;
}

function sameButForLabels(added: readonly Step<"k3s">[], removed: readonly Step<"k3s">[]): boolean {
  const rest = (steps: readonly Step<"k3s">[]) =>
    JSON.stringify(steps.map((step) => ({ ...step, args: step.args.filter((arg) => !isLabel(arg)) })));
  return rest(added) === rest(removed);
}

const isLabel = (arg: string): boolean => /^--node-(label|taint)=/.test(arg);

function valueAt(config: Config, path: ConfigKey): unknown {
  const [first, second] = path.split(".") as [keyof Config, string?];
  const value = config[first];
  return second === undefined ? value : (value as Readonly<Record<string, unknown>> | undefined)?.[second];
}

function withValue(config: Config, path: ConfigKey, value: unknown): Config {
  const [first = "", second] = path.split(".");
  if (second === undefined) return { ...config, [first]: value };
  return { ...config, k3os: { ...config.k3os, [second]: value } };
}
