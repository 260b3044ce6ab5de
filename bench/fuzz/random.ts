/** Numbers that depend on nothing but a seed, the same in every engine: mulberry32. */
export interface Random {
  /** An integer from 0 to below `limit`. */
  below(limit: number): number;
  of<T>(values: readonly T[]): T;
}

export function random(seed: number): Random {
  let state = seed >>> 0;
  const below = (limit: number) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
  return { below, of: <T>(values: readonly T[]) => values[below(values.length)] as T };
}
