import type { Random } from "../fuzz/random.ts";

/** What a power cut may leave of the writes between two flushes. Pure. */
export type Kind = "prefix" | "without one" | "reordered" | "torn";
export const KINDS = ["prefix", "without one", "reordered", "torn"] as const satisfies readonly Kind[];

/** A state of the disk: of the epoch's units, those that reached it, in the order in which they did. */
export interface CrashState {
  readonly kind: Kind;
  readonly applied: readonly number[];
  /** One more unit of which only these sectors were written. */
  readonly torn?: { readonly unit: number; readonly sectors: readonly number[] };
}

/**
 * The states of an epoch: every prefix, all units without each single one, and `more` that are drawn. `sectors` has how
 * many sectors each unit writes. A prefix without its last unit is the prefix before.
 */
export function* statesOf(sectors: readonly number[], more: number, random: Random): Generator<CrashState> {
  const all = sectors.map((_, unit) => unit);
  for (const unit of [...all, all.length]) yield { kind: "prefix", applied: all.slice(0, unit) };
  // Without the last one it is a prefix.
  for (const unit of all.slice(0, -1)) yield { kind: "without one", applied: all.filter((other) => other !== unit) };
  for (let count = 0; count < more; count++) {
    const drawn = draw(sectors, count, random);
    if (drawn !== undefined) yield drawn;
  }
}

/** How many states `statesOf` yields without `more`. */
export function countOf(units: number): number {
  return units + 1 + Math.max(0, units - 1);
}

function draw(sectors: readonly number[], count: number, random: Random): CrashState | undefined {
  const units = sectors.length;
  if (units === 0) return undefined;
  const end = 1 + random.below(units);
  const before = sectors.slice(0, end).map((_, unit) => unit);
  if (count % 3 === 0 && (sectors[end - 1] ?? 0) > 1) {
    const unit = end - 1;
    const length = sectors[unit] ?? 0;
    return { kind: "torn", applied: before.slice(0, -1), torn: { unit, sectors: someSectors(length, random) } };
  }
  if (units < 2) return undefined;
  if (count % 3 === 1 && end > 1) {
    const left = random.below(end);
    return { kind: "without one", applied: before.filter((unit) => unit !== left) };
  }
  return { kind: "reordered", applied: shuffled(before, random).slice(0, 1 + random.below(end)) };
}

/** The first sectors of a write, or any of them: a disk may write them in whatever order. */
function someSectors(length: number, random: Random): number[] {
  const all = Array.from({ length }, (_, sector) => sector);
  if (random.below(2) === 0) return all.slice(0, 1 + random.below(length - 1));
  return all.filter(() => random.below(2) === 0);
}

function shuffled<T>(values: readonly T[], random: Random): T[] {
  const result = [...values];
  for (let last = result.length - 1; last > 0; last--) {
    const other = random.below(last + 1);
    [result[last], result[other]] = [result[other] as T, result[last] as T];
  }
  return result;
}
