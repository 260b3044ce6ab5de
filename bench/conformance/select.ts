/** Which specs are run. Pure. */
import { K3osError } from "../../src/errors.ts";
import { random } from "../fuzz/random.ts";
import type { Explained } from "./explained.ts";

export interface Selection {
  /** Names such as `sig-network`; all if not given. */
  readonly suites?: readonly string[];
  /** Only specs whose names match. */
  readonly focus?: RegExp;
  readonly skip?: RegExp;
  /** So many of them, drawn by `seed`; all if not given. */
  readonly count?: number;
  readonly seed: number;
}

/** The specs of a selection. What is left out is no part of it. Throws `usage` if it is empty. */
export function selectSpecs(all: readonly string[], selection: Selection, leftOut: readonly Explained[]): string[] {
  const { suites, focus, skip, count, seed } = selection;
  const unknown = suites?.find((name) => !all.some((spec) => sigOf(spec) === name));
  if (unknown !== undefined) {
    throw new K3osError("usage", `The suite has no specs of ${unknown}.`, {
      hint: `It has some of ${[...new Set(all.map(sigOf))].sort().join(", ")}.`,
    });
  }
  const found = all.filter(
    (spec) =>
      (suites === undefined || suites.includes(sigOf(spec))) &&
      (focus === undefined || focus.test(spec)) &&
      !skip?.test(spec) &&
      !leftOut.some((one) => one.spec.test(spec)),
  );
  if (found.length === 0) {
    throw new K3osError("usage", "No spec is selected.", { hint: "Widen --suites and --focus, or narrow --skip." });
  }
  return count === undefined ? found : drawn(found, count, seed);
}

/** The special interest group that a spec belongs to, such as `sig-network`. */
export function sigOf(spec: string): string {
  return /^\[(sig-[\w-]+)\]/.exec(spec)?.[1] ?? "other";
}

/** The regular expression (RE2) that those specs match, and no other. */
export function focusOn(specs: readonly string[]): string {
  return ` (${specs.map((spec) => spec.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("|")})$`;
}

/**
 * The specs of those names, which lack the words in brackets behind them. Throws if a name is that of no spec, or of
 * several.
 */
export function withoutPods(all: readonly string[], names: readonly string[]): string[] {
  return names.map((name) => {
    const [found, ...more] = all.filter((spec) => spec.startsWith(`${name} [`));
    if (found !== undefined && more.length === 0) return found;
    throw new K3osError("build", `bench/conformance/without-pods.txt has the name of no single spec: ${name}`, {
      hint: "Take it out, or give it the new name.",
    });
  });
}

/** Throws if an entry is about a spec that there no longer is. */
export function checkExplained(all: readonly string[], entries: readonly Explained[]): void {
  const stale = entries.find(({ spec }) => !all.some((name) => spec.test(name)));
  if (stale === undefined) return;
  throw new K3osError("build", `bench/conformance/explained.ts speaks of ${stale.spec}, and no spec is called so.`, {
    hint: "Take the entry out, or give it the new name.",
  });
}

/** `count` of them, each as likely as any other; the same for the same seed. */
function drawn<T>(all: readonly T[], count: number, seed: number): T[] {
  const { below } = random(seed);
  const left = [...all];
  while (left.length > count) left.splice(below(left.length), 1);
  return left;
}
