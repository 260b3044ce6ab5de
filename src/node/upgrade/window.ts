/** When a node may upgrade itself: pure, but for the clock of a time zone. All times are seconds since 1970. */
import { secondsOf } from "../../config/duration.ts";
import type { UpgradeWindow } from "../../config/schema/upgrade.ts";

export interface Span {
  readonly start: number;
  readonly end: number;
}

/** How many seconds the clocks of a zone are ahead of UTC at a time. */
export type OffsetAt = (at: number) => Promise<number>;

const DAY = 86_400;
const WEEKDAYS = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/**
 * The span of a window that is open at `now`, or else the next one. It begins on the days that are listed, by the
 * zone's clocks, and may end on the day after; its duration is real time. A start that the clocks skip in spring is as
 * much later as they skip; of one that they show twice in autumn the first counts.
 */
export async function nextSpan(
  { days = [], start: startAt, duration }: UpgradeWindow,
  now: number,
  offsetAt: OffsetAt,
): Promise<Span> {
  const [hours = 0, minutes = 0] = `${startAt}`.split(":").map(Number);
  const lasts = secondsOf(`${duration}`) ?? 0;
  const today = Math.floor((now + (await offsetAt(now))) / DAY);
  const opens = (day: number) => days.length === 0 || days.includes(WEEKDAYS[((day % 7) + 7) % 7] ?? "");
  // A window lasts for a day at most, so that of the day before yesterday has ended, whatever the clocks do.
  for (let day = today - 2; ; day++) {
    if (!opens(day)) continue;
    const start = await instantOf(day * DAY + hours * 3600 + minutes * 60, offsetAt);
    if (start + lasts > now) return { start, end: start + lasts };
  }
}

/** When the clocks of a zone show this: seconds since 1970 as if they were in UTC. */
async function instantOf(shown: number, offsetAt: OffsetAt): Promise<number> {
  const before = await offsetAt(shown - DAY);
  const after = await offsetAt(shown + DAY);
  for (const offset of [before, after]) if ((await offsetAt(shown - offset)) === offset) return shown - offset;
  return shown - before;
}
