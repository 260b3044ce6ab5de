/** Durations as people write them: `30s`, `10m`, `1h30m`, `7d`. */
import type { Check } from "./kinds.ts";

const SECONDS = { d: 86_400, h: 3600, m: 60, s: 1 } as const;
// Largest unit first, each at most once, and at least one of them.
const DURATION = /^(?=\d)(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?$/;

/** The seconds that a duration such as `1h30m` has; `undefined` if the text is none. */
export function secondsOf(text: string): number | undefined {
  const [, ...amounts] = DURATION.exec(text) ?? [];
  if (amounts.length === 0) return undefined;
  const units = Object.values(SECONDS);
  return amounts.reduce((sum, amount, index) => sum + Number(amount ?? 0) * (units[index] ?? 0), 0);
}

/** A duration between two others, both included. */
export function durationBetween(shortest: string, longest: string): Check {
  const [least = 0, most = 0] = [secondsOf(shortest), secondsOf(longest)];
  const complaint = { expected: `a duration from ${shortest} to ${longest}`, hint: "such as 30s, 10m or 1h30m" };
  const check = (text: string) => {
    const seconds = secondsOf(text);
    return seconds !== undefined && seconds >= least && seconds <= most ? undefined : complaint;
  };
  return Object.assign(check, { rules: [{ pattern: DURATION, complaint }], range: [least, most] as const });
}
