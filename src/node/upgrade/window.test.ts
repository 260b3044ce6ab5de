import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { nextSpan, type OffsetAt } from "./window.ts";

/** The last Sundays of March and October, at 01:00 UTC. */
const SPRING = Date.UTC(2026, 2, 29, 1) / 1000;
const AUTUMN = Date.UTC(2026, 9, 25, 1) / 1000;
const berlin: OffsetAt = async (at) => (at >= SPRING && at < AUTUMN ? 7200 : 3600);
const utc: OffsetAt = async () => 0;
const samoa: OffsetAt = async () => 13 * 3600;

const at = (text: string) => Date.parse(`${text}:00Z`) / 1000;
const shown = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 16);

describe("the window in which a node upgrades itself", () => {
  // 2026-11-29 is a Sunday.
  it.each([
    ["is today's before it begins", utc, {}, "2026-11-29T01:00", "2026-11-29T02:00", "2026-11-29T06:00"],
    ["is open at its first second", utc, {}, "2026-11-29T02:00", "2026-11-29T02:00", "2026-11-29T06:00"],
    ["is over at its last", utc, {}, "2026-11-29T06:00", "2026-11-30T02:00", "2026-11-30T06:00"],
    [
      ...(["lasts across midnight", utc, { start: "23:00" }] as const),
      ...(["2026-11-30T01:30", "2026-11-29T23:00", "2026-11-30T03:00"] as const),
    ],
    [
      ...(["begins on the listed days, and then ends on another", utc, { start: "23:00", days: ["Sat"] }] as const),
      ...(["2026-11-29T01:30", "2026-11-28T23:00", "2026-11-29T03:00"] as const),
    ],
    [
      ...(["waits for the listed day", utc, { start: "23:00", days: ["Sat"] }] as const),
      ...(["2026-11-29T03:00", "2026-12-05T23:00", "2026-12-06T03:00"] as const),
    ],
    [
      ...(["may last for a day", utc, { start: "12:00", duration: "24h", days: ["Sun"] }] as const),
      ...(["2026-11-30T11:59", "2026-11-29T12:00", "2026-11-30T12:00"] as const),
    ],
    ["is in the zone's time", berlin, {}, "2026-11-29T00:30", "2026-11-29T01:00", "2026-11-29T05:00"],
    [
      ...(["takes the zone's day", samoa, { days: ["Mon"] }] as const),
      ...(["2026-11-29T14:00", "2026-11-29T13:00", "2026-11-29T17:00"] as const),
    ],
    ["is an hour earlier in summer", berlin, {}, "2026-06-01T01:00", "2026-06-01T00:00", "2026-06-01T04:00"],
    [
      ...(["begins later if the clocks skip its start", berlin, { start: "02:30" }] as const),
      ...(["2026-03-28T23:00", "2026-03-29T01:30", "2026-03-29T05:30"] as const),
    ],
    [
      ...(["begins at the first of two equal times", berlin, { start: "02:30" }] as const),
      ...(["2026-10-24T23:00", "2026-10-25T00:30", "2026-10-25T04:30"] as const),
    ],
    [
      ...(["lasts as long when the clocks change in it", berlin, { start: "01:00" }] as const),
      ...(["2026-03-29T03:30", "2026-03-29T00:00", "2026-03-29T04:00"] as const),
    ],
    [
      ...(["is tomorrow's on the day after the change", berlin, { start: "03:00" }] as const),
      ...(["2026-03-29T12:00", "2026-03-30T01:00", "2026-03-30T05:00"] as const),
    ],
  ])("%s", async (_, offset, window, now, start, end) => {
    const span = await nextSpan({ start: "02:00", duration: "4h", ...window }, at(now), offset);
    expect([shown(span.start), shown(span.end)]).toEqual([start, end]);
  });

  it("goes by what date(1) says of a zone", async () => {
    const date: OffsetAt = async (seconds) => {
      const env = { ...process.env, TZ: "Europe/Berlin" };
      const text = execFileSync("date", ["-d", `@${seconds}`, "+%z"], { env, encoding: "utf8" }).trim();
      return (text.startsWith("-") ? -1 : 1) * (Number(text.slice(1, 3)) * 3600 + Number(text.slice(3, 5)) * 60);
    };
    for (const now of ["2026-03-28T23:00", "2026-10-24T23:00", "2026-06-01T01:00"]) {
      const window = { start: "02:30", duration: "4h" };
      expect(await nextSpan(window, at(now), date)).toEqual(await nextSpan(window, at(now), berlin));
    }
  });
});
