import type { LayerKind } from "../../src/config/index.ts";
import { type Defect, judge, type Verdict } from "./judge.ts";
import { mutate } from "./mutate.ts";
import { random } from "./random.ts";

/** Valid and nearly valid texts for each kind of layer. */
export interface Seed {
  readonly kind: LayerKind;
  readonly text: string;
}

interface Found extends Defect {
  /** The number of the input: seed and number determine its text. */
  readonly input: number;
  readonly layer: LayerKind;
  readonly text: string;
}

interface Count {
  readonly kind: LayerKind;
  readonly verdicts: Record<Verdict, number>;
  defects: number;
  /** Milliseconds of the slowest input, and its number. */
  slowest: number;
  slowestInput: number;
}

export interface Fuzzed {
  readonly counts: readonly Count[];
  /** At most 20. */
  readonly found: readonly Found[];
}

const MAX_FOUND = 20;

/** The input of a number: the same for the same seed in every engine. */
export function inputOf(seeds: readonly Seed[], seed: number, input: number): Seed {
  const chance = random(Math.imul(seed, 0x9e3779b1) + input);
  const { kind, text } = seeds[chance.below(seeds.length)] ?? { kind: "system", text: "" };
  return {
    kind,
    text: mutate(
      text,
      chance,
      seeds.map((each) => each.text),
    ),
  };
}

/** Judges the inputs `from` to below `to`. `tick` hears of each before it is read, so that a hang has a number. */
export function fuzz(
  seeds: readonly Seed[],
  range: { readonly seed: number; readonly from: number; readonly to: number },
  tick: (input: number) => void = () => {},
): Fuzzed {
  const counts = new Map<LayerKind, Count>();
  const found: Found[] = [];
  for (let input = range.from; input < range.to; input++) {
    tick(input);
    const { kind, text } = inputOf(seeds, range.seed, input);
    const start = Date.now();
    const verdict = judge(kind, text);
    const took = Date.now() - start;
    const count = counts.get(kind) ?? emptyCount(kind);
    counts.set(kind, count);
    if (took > count.slowest) Object.assign(count, { slowest: took, slowestInput: input });
    if (typeof verdict === "string") count.verdicts[verdict]++;
    else {
      count.defects++;
      if (found.length < MAX_FOUND) found.push({ ...verdict, input, layer: kind, text });
    }
  }
  return { counts: [...counts.values()], found };
}

function emptyCount(kind: LayerKind): Count {
  return { kind, verdicts: { accepted: 0, warned: 0, rejected: 0 }, defects: 0, slowest: 0, slowestInput: 0 };
}

/** The results of several ranges as one. */
export function together(parts: readonly Fuzzed[]): Fuzzed {
  const counts = new Map<LayerKind, Count>();
  for (const part of parts.flatMap((each) => each.counts)) {
    const sum = counts.get(part.kind) ?? emptyCount(part.kind);
    for (const verdict of ["accepted", "warned", "rejected"] as const) sum.verdicts[verdict] += part.verdicts[verdict];
    sum.defects += part.defects;
    if (part.slowest > sum.slowest) Object.assign(sum, { slowest: part.slowest, slowestInput: part.slowestInput });
    counts.set(part.kind, sum);
  }
  return { counts: [...counts.values()], found: parts.flatMap((each) => each.found).slice(0, MAX_FOUND) };
}
