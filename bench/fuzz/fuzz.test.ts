import { join } from "node:path";
import { expect, it } from "vitest";
import { fuzz, inputOf, type Seed, together } from "./fuzz.ts";
import { judge } from "./judge.ts";
import { random } from "./random.ts";
import { readSeeds } from "./seeds.ts";

const seeds: readonly Seed[] = [
  { kind: "system", text: "hostname: a\nk3os: { token: b, labels: { c: d } }\n" },
  { kind: "cmdline", text: "hostname=a k3os.labels[b]=c" },
];

it("gives the same inputs for the same seed, and others for another", () => {
  const inputs = (seed: number) => Array.from({ length: 50 }, (_, input) => inputOf(seeds, seed, input).text);
  expect(inputs(1)).toEqual(inputs(1));
  expect(inputs(1)).not.toEqual(inputs(2));
  expect(new Set(inputs(1)).size).toBeGreaterThan(45);
});

it("spreads its numbers over the whole range", () => {
  const chance = random(7);
  const drawn = Array.from({ length: 1000 }, () => chance.below(10));
  expect(new Set(drawn).size).toBe(10);
  expect(Math.max(...drawn)).toBe(9);
});

it("judges", () => {
  expect(judge("system", "hostname: b\n")).toBe("accepted");
  expect(judge("system", "hostnam: b\n")).toBe("warned");
  expect(judge("system", "hostname: [b]\n")).toBe("rejected");
  expect(judge("userdata", "#!/bin/sh\n")).toBe("accepted");
});

it("counts every input once, in one range or in several", { timeout: 60_000 }, () => {
  const whole = fuzz(seeds, { seed: 3, from: 0, to: 200 });
  const parts = together([fuzz(seeds, { seed: 3, from: 0, to: 80 }), fuzz(seeds, { seed: 3, from: 80, to: 200 })]);
  const sums = ({ counts }: typeof whole) => counts.map(({ kind, verdicts, defects }) => ({ kind, verdicts, defects }));
  expect(sums(parts)).toEqual(sums(whole));
  const total = whole.counts.flatMap(({ verdicts, defects }) => [...Object.values(verdicts), defects]);
  expect(total.reduce((sum, one) => sum + one)).toBe(200);
  expect(whole.found).toEqual([]);
});

it("finds nothing in a few hundred of its inputs", { timeout: 60_000 }, () => {
  const all = readSeeds(join(import.meta.dirname, "../.."));
  expect(new Set(all.map(({ kind }) => kind)).size).toBe(6);
  expect(fuzz(all, { seed: 1, from: 0, to: 300 }).found).toEqual([]);
});
