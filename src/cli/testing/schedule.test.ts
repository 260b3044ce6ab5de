import { describe, expect, it } from "vitest";
import { estimate, inOrder, type MachineTest, runScheduled } from "./schedule.ts";

const test = (name: string, group: MachineTest["group"] = "nodes"): MachineTest => ({ name, group, file: name });
const boots = ["a", "b", "c"].map((name) => test(name, "boots"));
const nodes = ["d", "e", "f", "g"].map((name) => test(name));

describe("the order of machine tests", () => {
  const commits = Array.from({ length: 60 }, (_, index) => `commit ${index}`);
  const orders = commits.map((commit) => inOrder([...nodes, ...boots], commit));

  it("is the same for the same commit, whatever the directory was listed like", () => {
    expect(inOrder([...boots, ...nodes].reverse(), "commit 7")).toEqual(orders[7]);
  });

  it("keeps groups apart and has every test once", () => {
    for (const groups of orders) {
      for (const group of groups) expect(new Set(group.map((one) => one.group)).size).toBe(1);
      expect(
        groups
          .flat()
          .map(({ name }) => name)
          .sort(),
      ).toEqual(["a", "b", "c", "d", "e", "f", "g"]);
    }
  });

  it("puts every test of every group last for some commit", () => {
    expect(new Set(orders.map((groups) => groups.at(-1)?.at(-1)?.name))).toEqual(new Set("abcdefg"));
  });

  it("has no empty group", () => {
    expect(inOrder([test("d")], "x")).toEqual([[test("d")]]);
  });
});

describe("the estimate of a file's time", () => {
  const weights = { a: 10, b: 30 };

  it("is its weight, and for a file without one their average", () => {
    expect(estimate("a", weights, new Map())).toBe(10);
    expect(estimate("new", weights, new Map())).toBe(20);
  });

  it("is scaled by how fast this host was so far", () => {
    expect(estimate("b", weights, new Map([["a", 30]]))).toBe(90);
    expect(
      estimate(
        "a",
        weights,
        new Map([
          ["b", 15],
          ["new", 10],
        ]),
      ),
    ).toBe(5);
  });

  it("goes by what has finished if no weight is known", () => {
    expect(estimate("b", {}, new Map([["a", 40]]))).toBe(40);
  });
});

describe("runScheduled", () => {
  /** Runs tests that take their weight times `slowness`, on a simulated clock. */
  async function schedule(groups: MachineTest[][], budget: number, slowness = 1) {
    let clock = 0;
    let running = 0;
    const most: Record<string, number> = {};
    const weights = { a: 10, b: 10, c: 10, d: 10, e: 100, f: 10 };
    const { results, finished, skipped } = await runScheduled(groups, {
      weights,
      secondsLeft: () => budget - clock,
      now: () => clock,
      signal: new AbortController().signal,
      run: async ({ name, group }, alone) => {
        most[group] = Math.max(most[group] ?? 0, ++running);
        expect(alone).toBe(group === "nodes");
        await new Promise((resolve) => setImmediate(resolve));
        if (group === "nodes") clock += estimate(name, weights, new Map()) * slowness;
        running--;
        return name;
      },
    });
    return { results, finished, skipped, most };
  }

  it("runs two boots side by side, and nodes one at a time", async () => {
    const { results, most, skipped } = await schedule([boots, nodes], Number.POSITIVE_INFINITY);
    expect(results).toEqual(["a", "b", "c", "d", "e", "f", "g"]);
    expect(most).toEqual({ boots: 2, nodes: 1 });
    expect(skipped).toEqual([]);
  });

  it("skips what the time is too short for, and goes on with what it is enough for", async () => {
    const { results, skipped } = await schedule([nodes.slice(0, 3)], 60);
    expect(results).toEqual(["d", "f"]);
    expect(skipped).toEqual(["e"]);
  });

  it("skips more on a slower host", async () => {
    const { results, skipped } = await schedule([[test("d"), test("f"), test("a")]], 60, 3);
    expect(results).toEqual(["d", "f"]);
    expect(skipped).toEqual(["a"]);
  });

  it("waits for what runs when a run throws, and starts nothing more", async () => {
    const ended: string[] = [];
    const scheduled = runScheduled([boots], {
      weights: {},
      secondsLeft: () => 1000,
      signal: new AbortController().signal,
      run: async ({ name }) => {
        if (name === "a") throw new Error("broken");
        await new Promise((resolve) => setTimeout(resolve, 5));
        ended.push(name);
      },
    });
    await expect(scheduled).rejects.toThrow("broken");
    expect(ended).toEqual(["b"]);
  });
});
