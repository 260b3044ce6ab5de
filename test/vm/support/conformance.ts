import { loadImages, targetOf } from "../../../bench/conformance/nodes.ts";
import { runSpecs } from "../../../bench/conformance/run.ts";
import { conformanceSuite, type Suite } from "../../../bench/conformance/suite.ts";
import { silent } from "../../../src/progress.ts";
import type { Machine } from "../../../src/vm/machine.ts";
import { builtImage } from "./image.ts";

/** Upstream's conformance suite, compiled if that was not done before. */
export async function builtSuite(): Promise<Suite> {
  return conformanceSuite({ image: await builtImage(), progress: silent, signal: new AbortController().signal });
}

/** Brings the images that the suite's pods run to the machine. */
export function loadSuite(machine: Machine, suite: Suite): Promise<void> {
  return loadImages(machine, suite.images);
}

/**
 * Runs specs by their names, without the words in brackets behind them. Returns why those failed that did, or that they
 * were skipped. Once `signal` is aborted, the suite is ended.
 */
export async function failedSpecs(
  machine: Machine,
  suite: Suite,
  names: readonly string[],
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const specs = names.map((name) => specOf(suite, name));
  const results = await runSpecs(targetOf(machine), suite, specs, { seed: 1, signal });
  const failed = results.filter(({ state }) => state !== "passed");
  return Object.fromEntries(failed.map(({ spec, state, message }) => [spec, message || state]));
}

function specOf({ specs }: Suite, name: string): string {
  const [found, ...more] = specs.filter((spec) => spec.startsWith(`${name} [`));
  if (found === undefined || more.length > 0) throw new Error(`${name} is not the name of one spec of the suite`);
  return found;
}
