import { describe, expect, it } from "vitest";
import { estimate, inOrder, type MachineTest, runScheduled, type Stage } from "./schedule.ts";

const test = (name: string, group: MachineTest["group"] = "nodes"): MachineTest => ({ name, group, file: name });
const boots = ["a", "b", "c"].map((name) => test(name, "boots"));
const nodes = ["d", "e", "f", "g"].map((name) => test(name));
const trials = ["h", "i"].map((name) => test(name, "trials"));
const all = [...nodes, ...trials, ...boots];

describe("the order of machine tests", () => {
  const commits = Array.from({ length: 60 }, (_, index) => `commit ${index}`);
  const orders = commits.map((commit) => inOrder(all, commit));

  it("is the same for the same commit, whatever the directory was listed like", () => {
    expect(inOrder([...all].reverse(), "commit 7")).toEqual(orders[7]);
  });

  it("keeps groups apart, trials beside boots, and has every test once", () => {
    for (const stages of orders) {
      const groups = stages.map((stage) => stage.map((files) => [...new Set(files.map(({ group }) => group))]));
      expect(groups.sort((a, b) => b.length - a.length)).toEqual([[["boots"], ["trials"]], [["nodes"]]]);
      const names = stages.flat(2).map(({ name }) => name);
      expect(names.sort().join("")).toBe("abcdefghi");
    }
  });

  it("puts every test of every group last for some commit", () => {
    const last = orders.flatMap((stages) => stages.at(-1)?.map((files) => files.at(-1)?.name));
    expect(new Set(last)).toEqual(new Set("abcdefghi"));
  });

  it("has no empty stage", () => {
    expect(inOrder([test("d")], "x")).toEqual([[[test("d")]]]);
  });

  it("has several servers after the first stage, for every commit", () => {
    const several = test("s", "clusters");
    for (const commit of commits) expect(inOrder([several, ...all], commit)[1]).toEqual([[several]]);
  });

  it("has the matrix last, for every commit", () => {
    const matrix = test("m", "matrix");
    for (const commit of commits) expect(inOrder([matrix, ...all], commit).at(-1)).toEqual([[matrix]]);
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
  async function schedule(stages: readonly Stage[], budget: number, slowness = 1) {
    let clock = 0;
    const running: Record<string, number> = {};
    const most: Record<string, number> = {};
    const weights = { a: 10, b: 10, c: 10, d: 10, e: 100, f: 10 };
    const { results, finished, skipped } = await runScheduled(stages, {
      weights,
      secondsLeft: () => budget - clock,
      now: () => clock,
      signal: new AbortController().signal,
      run: async ({ name, group }, alone) => {
        running[group] = (running[group] ?? 0) + 1;
        most[group] = Math.max(most[group] ?? 0, running[group]);
        expect(alone).toBe(group === "nodes" || group === "clusters");
        await new Promise((resolve) => setImmediate(resolve));
        if (group === "nodes") clock += estimate(name, weights, new Map()) * slowness;
        running[group]--;
        return name;
      },
    });
    return { results, finished, skipped, most };
  }

  it("runs boots and trials side by side, two of each, and nodes one at a time", async () => {
    const { results, most, skipped } = await schedule([[boots, trials], [nodes]], Number.POSITIVE_INFINITY);
    expect(results.slice(0, 5).sort().join("")).toBe("abchi");
    expect(results.slice(5).join("")).toBe("defg");
    expect(most).toEqual({ boots: 2, trials: 2, nodes: 1 });
    expect(skipped).toEqual([]);
  });

  it("skips what the time is too short for, and goes on with what it is enough for", async () => {
    const { results, skipped } = await schedule([[nodes.slice(0, 3)]], 60);
    expect(results).toEqual(["d", "f"]);
    expect(skipped).toEqual([{ name: "e", why: "time" }]);
  });

  it("skips more on a slower host", async () => {
    const { results, skipped } = await schedule([[[test("d"), test("f"), test("a")]]], 60, 3);
    expect(results).toEqual(["d", "f"]);
    expect(skipped).toEqual([{ name: "a", why: "time" }]);
  });

  it("skips several servers on a host that is too slow for them, once others have shown that it is", async () => {
    const stages: Stage[] = [[[test("d")]], [[test("c", "clusters")]], [[test("f")]]];
    const skipped = async (slowness: number) => (await schedule(stages, 1000, slowness)).skipped;
    expect(await skipped(2.5)).toEqual([]);
    expect(await skipped(2.6)).toEqual([{ name: "c", why: "host" }]);
    expect((await schedule(stages.slice(1), 1000, 3)).skipped).toEqual([]);
  });

  it("waits for what runs when a run throws, and starts nothing more", async () => {
    const ended: string[] = [];
    const scheduled = runScheduled([[boots, trials]], {
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
    expect(ended.sort()).toEqual(["b", "h", "i"]);
  });
});
