import { expect, it } from "vitest";
import { random } from "../fuzz/random.ts";
import { countOf, statesOf } from "./states.ts";

const sectors = [1, 8, 1, 64];

it("has every prefix, and all writes without each single one", () => {
  const states = [...statesOf(sectors, 0, random(1))];
  expect(states.map(({ applied }) => applied.join(""))).toEqual(["", "0", "01", "012", "0123", "123", "023", "013"]);
  expect(states).toHaveLength(countOf(sectors.length));
});

it("has one state of an epoch without writes", () => {
  expect([...statesOf([], 5, random(1))]).toEqual([{ kind: "prefix", applied: [] }]);
});

it("draws the same states from the same seed", () => {
  const drawn = (seed: number) => JSON.stringify([...statesOf(sectors, 40, random(seed))]);
  expect(drawn(7)).toBe(drawn(7));
  expect(drawn(7)).not.toBe(drawn(8));
});

it("draws writes in other orders, and writes that are torn between sectors", () => {
  const drawn = [...statesOf(sectors, 300, random(3))].slice(countOf(sectors.length));
  expect(new Set(drawn.map(({ kind }) => kind))).toEqual(new Set(["without one", "reordered", "torn"]));
  for (const { kind, applied, torn } of drawn) {
    expect(new Set(applied).size).toBe(applied.length);
    if (kind !== "torn") continue;
    const { unit, sectors: written } = torn ?? { unit: -1, sectors: [] };
    expect(applied).toEqual(sectors.slice(0, unit).map((_, before) => before));
    expect(written.every((sector) => sector < (sectors[unit] ?? 0))).toBe(true);
  }
  expect(drawn.some(({ applied }) => applied.some((unit, index) => unit < (applied[index - 1] ?? 0)))).toBe(true);
});
