import { sameBytes, utf8 } from "./bytes.ts";
import type { Network } from "./network/schema.ts";
import type { Step } from "./plan.ts";
import { ENVIRONMENT, LOCALTIME, REGISTRIES, type ReadFile, type RenderedFile, render } from "./render.ts";

/** The state of a node, asked only for what the steps need. */
export interface Observed {
  file(path: string): ObservedFile | undefined;
  /** The text of a file without what a step wrote there; `undefined` if it is not there. */
  original(path: string): string | undefined;
  /** Whether a module is loaded or built in; `-` and `_` are the same in its name. */
  moduleLoaded(name: string): boolean;
  /** `undefined` if the kernel does not know it. */
  sysctl(key: string): string | undefined;
  hostname(): string;
  /** What /etc/shadow has for the user. */
  passwordHash(user: string): string | undefined;
  /** The zone below /usr/share/zoneinfo that /etc/localtime links to; `undefined` if it is no such link. */
  timezone(): string | undefined;
  /** Whether something is mounted there. */
  mounted(path: string): boolean;
  /** `undefined` if there is none of this name; `groups` in order, without its own. */
  account(user: string): ObservedAccount | undefined;
  /** The accounts that steps made. */
  madeAccounts(): readonly string[];
  /** Files that a step wrote since the machine was started and that are still as it left them. */
  written(): readonly string[];
  /** Whether nothing is left to do about a manifest: it was put there, or the user has one of his own. */
  seeded(step: Step & { kind: "manifest" | "remote-manifest" }): boolean;
  /** The network that was last configured since the machine was started, and whether all of it could be. */
  network(): { readonly network: Network; readonly complete: boolean } | undefined;
  /** Whether k3s has been started, and whether that was before something changed that it reads then. */
  k3s(): { readonly started: boolean; readonly outdated: boolean };
  /** Whether this very step was applied since the machine was started: for what leaves no trace, such as a command. */
  done(step: Step): boolean;
}

export interface ObservedAccount {
  readonly shell: string;
  readonly groups: readonly string[];
  readonly sudo: boolean;
}

export interface ObservedFile {
  readonly content: Uint8Array;
  readonly mode: number;
  /** Whether chown(1) to this owner would change nothing. */
  ownedBy(owner: string): boolean;
}

/**
 * The steps that are not satisfied yet, in their order. Of a node that is up to date: none. What steps of an earlier config did
 * is taken back by steps of its own, where that is cheap and safe: files that are still as they were written, and accounts.
 */
export function pending(steps: readonly Step[], observed: Observed): readonly Step[] {
  const read = (path: string) => observed.original(path);
  // A file of the user's may replace one that another step writes; then that step has nothing to say about it.
  const users = new Set(steps.map((step) => (step.kind === "file" ? step.path : "")));
  const due = new Set(steps.filter((step) => !isSatisfied(step, observed, users)));
  const overwritten = new Set([...due].flatMap((step) => (step.kind === "file" ? [] : pathsOf(step, read))));
  for (const step of steps) if (step.kind === "file" && overwritten.has(step.path)) due.add(step);
  const all = [...takenBack(steps, observed, read), ...steps.filter((step) => due.has(step))];
  const { started, outdated } = observed.k3s();
  return started && (outdated || all.some((step) => isReadByK3s(step, observed)))
    ? [...all, { phase: "runtime", kind: "restart-k3s" }]
    : all;
}

/** Whether k3s reads at its start what the step changes: also its address is what it was then. */
function isReadByK3s(step: Step, observed: Observed): boolean {
  switch (step.kind) {
    case "k3s":
    case "registries":
    case "environment":
    case "no-network":
      return true;
    case "network":
      // Not if it is only tried again, because a card is missing.
      return !sameNetwork(step.network, observed);
    case "restore":
      return step.path === REGISTRIES || step.path === ENVIRONMENT;
    case "file":
      return step.path.startsWith("/etc/rancher/k3s/") || step.path === ENVIRONMENT;
    default:
      return false;
  }
}

function takenBack(steps: readonly Step[], observed: Observed, read: ReadFile): Step[] {
  const paths = new Set(steps.flatMap((step) => pathsOf(step, read)));
  const accounts = new Set(steps.map((step) => (step.kind === "account" ? step.user : "")));
  const gone = observed.madeAccounts().filter((user) => !accounts.has(user));
  const left = observed.written().filter((path) => !paths.has(path));
  return [
    ...gone.map((user) => ({ phase: "boot", kind: "no-account", user }) as const),
    ...left.map((path) => ({ phase: "boot", kind: "restore", path }) as const),
    ...(observed.network() !== undefined && !steps.some(({ kind }) => kind === "network")
      ? [{ phase: "boot", kind: "no-network" } as const]
      : []),
  ];
}

function pathsOf(step: Step, read: ReadFile): string[] {
  if (step.kind === "timezone") return [LOCALTIME];
  return step.kind === "file" ? [step.path] : (render(step, read) ?? []).map(({ path }) => path);
}

function isSatisfied(step: Step, observed: Observed, users: ReadonlySet<string>): boolean {
  switch (step.kind) {
    case "module":
      return observed.moduleLoaded(step.name);
    case "sysctl":
      return words(observed.sysctl(step.key)) === words(step.value);
    case "hostname":
      return observed.hostname() === step.name;
    case "password":
      return step.hashed ? observed.passwordHash(step.user) === step.password : observed.done(step);
    case "timezone":
      return observed.timezone() === step.zone;
    case "mount":
      return observed.mounted(step.path);
    case "account":
      return sameAccount(step, observed.account(step.user));
    case "no-account":
    case "no-network":
    case "restart-k3s":
    case "restore":
      return false;
    case "network":
      return observed.network()?.complete === true && sameNetwork(step.network, observed);
    case "manifest":
    case "remote-manifest":
      return observed.seeded(step);
    case "remote-keys":
    case "command":
      return observed.done(step);
    default: {
      const files = render(step, (path) => observed.original(path));
      if (files === undefined) return observed.done(step);
      return files.every((file) => (step.kind !== "file" && users.has(file.path)) || isThere(file, observed));
    }
  }
}

function sameNetwork(wanted: Network, observed: Observed): boolean {
  return JSON.stringify(observed.network()?.network) === JSON.stringify(wanted);
}

function isThere({ path, content, mode, owner }: RenderedFile, observed: Observed): boolean {
  const file = observed.file(path);
  if (file === undefined || file.mode !== mode || (owner !== undefined && !file.ownedBy(owner))) return false;
  return sameBytes(file.content, typeof content === "string" ? utf8(content) : content);
}

function sameAccount(wanted: ObservedAccount, found: ObservedAccount | undefined): boolean {
  if (found === undefined) return false;
  return found.shell === wanted.shell && found.sudo === wanted.sudo && found.groups.join() === wanted.groups.join();
}

function words(text: string | undefined): string | undefined {
  return text?.trim().split(/\s+/).join(" ");
}
