import { fromUtf8, sameBytes, utf8 } from "./bytes.ts";
import type { Step } from "./plan.ts";
import { type RenderedFile, render } from "./render.ts";

/** The state of a node, asked only for what the steps need. */
export interface Observed {
  file(path: string): ObservedFile | undefined;
  /** Whether a module is loaded or built in; `-` and `_` are the same in its name. */
  moduleLoaded(name: string): boolean;
  /** `undefined` if the kernel does not know it. */
  sysctl(key: string): string | undefined;
  hostname(): string;
  /** What /etc/shadow has for the user. */
  passwordHash(user: string): string | undefined;
  /** Lines of keys that may log in. */
  authorizedKeys(user: string): readonly string[];
  /** Whether this very step was applied since the machine was started: for what leaves no trace, such as a command. */
  done(step: Step): boolean;
}

export interface ObservedFile {
  readonly content: Uint8Array;
  readonly mode: number;
  /** Whether chown(1) to this owner would change nothing. */
  ownedBy(owner: string): boolean;
}

/** The steps that are not satisfied yet, in their order. Of a node that is up to date: none. */
export function pending(steps: readonly Step[], observed: Observed): readonly Step[] {
  // A file of the user's may replace one that another step writes; then that step has nothing to say about it.
  const users = new Set(steps.map((step) => (step.kind === "file" ? step.path : "")));
  return steps.filter((step) => !isSatisfied(step, observed, users));
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
    case "authorized-keys": {
      const known = new Set(observed.authorizedKeys(step.user));
      return step.keys.every((key) => known.has(key));
    }
    case "remote-keys":
    case "command":
      return observed.done(step);
    default: {
      const files = render(step, (path) => fromUtf8(observed.file(path)?.content));
      if (files === undefined) return observed.done(step);
      return files.every((file) => (step.kind !== "file" && users.has(file.path)) || isThere(file, observed));
    }
  }
}

function isThere({ path, content, mode, owner }: RenderedFile, observed: Observed): boolean {
  const file = observed.file(path);
  if (file === undefined || file.mode !== mode || (owner !== undefined && !file.ownedBy(owner))) return false;
  return sameBytes(file.content, typeof content === "string" ? utf8(content) : content);
}

function words(text: string | undefined): string | undefined {
  return text?.trim().split(/\s+/).join(" ");
}
