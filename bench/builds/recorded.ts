import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { cacheDirectory } from "../../src/build/store.ts";

/** A step of a build, when it was last made rather than found. */
export interface RecordedStep {
  readonly step: string;
  readonly seconds: number;
}

/**
 * How long each step took when it was last made: from the first to the last line of its log. Each step has a log per result;
 * the newest counts.
 */
export function recordedSteps(cache = cacheDirectory(process.env)): RecordedStep[] {
  const directory = join(cache, "logs");
  if (!existsSync(directory)) return [];
  const newest = new Map<string, { made: number; seconds: number }>();
  for (const name of readdirSync(directory)) {
    const [, step] = /^(.+)-[0-9a-f]{20}\.log$/.exec(name) ?? [];
    if (step === undefined || step.startsWith("bench-")) continue;
    const { birthtimeMs, mtimeMs } = statSync(join(directory, name));
    const earlier = newest.get(step);
    if (earlier === undefined || earlier.made < mtimeMs) {
      newest.set(step, { made: mtimeMs, seconds: Math.max(0, mtimeMs - birthtimeMs) / 1000 });
    }
  }
  return [...newest].map(([step, { seconds }]) => ({ step, seconds })).sort((a, b) => (a.step < b.step ? -1 : 1));
}
