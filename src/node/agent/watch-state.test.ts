import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type ApiObject,
  afterFailure,
  afterWatch,
  expired,
  listed,
  listPath,
  nextStep,
  type Patience,
  START,
  told,
  UNKNOWN,
  type View,
  watchPath,
} from "./watch-state.ts";

const object = (name: string, version: number): ApiObject => ({ metadata: { name, resourceVersion: `${version}` } });
const list = (version: number, ...items: ApiObject[]) => ({ metadata: { resourceVersion: `${version}` }, items });
const event = (type: string, name: string, version: number) => JSON.stringify({ type, object: object(name, version) });
const bookmark = (version: number) =>
  JSON.stringify({ type: "BOOKMARK", object: { metadata: { resourceVersion: `${version}` } } });
const versions = (view: View) =>
  Object.fromEntries([...view.objects].map(([key, { metadata }]) => [key, metadata.resourceVersion]));

/** Changes of a store, with its content after each of them. */
const history = fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), fc.boolean()), { maxLength: 30 }).map((changes) => {
  const content = new Map<string, number>();
  const states = [new Map(content)];
  const lines = changes.map(([name, isRemoval], index) => {
    const version = index + 1;
    const had = content.has(name);
    if (isRemoval && had) content.delete(name);
    else content.set(name, version);
    states.push(new Map(content));
    return event(isRemoval && had ? "DELETED" : had ? "MODIFIED" : "ADDED", name, version);
  });
  return { lines, states };
});

describe("a view", () => {
  const at = (version: number, content: ReadonlyMap<string, number>) =>
    listed(UNKNOWN, list(version, ...[...content].map(([name, number]) => object(name, number)))).view;

  it("is that of a store wherever it was listed, and however often the watch started again in between", () => {
    fc.assert(
      fc.property(history, fc.nat(), fc.array(fc.nat(), { maxLength: 5 }), ({ lines, states }, start, replays) => {
        const from = start % states.length;
        let view = at(from, states[from] ?? new Map());
        const follow = (line: string) => {
          const message = told(view, line);
          if (message.kind !== "update") throw new Error(`${message.kind}: ${line}`);
          view = message.view;
        };
        for (const [index, line] of lines.entries()) {
          if (index < from) continue;
          follow(line);
          if (replays.includes(index)) follow(bookmark(index + 1));
        }
        const last = new Map([...(states.at(-1) ?? [])].map(([name, version]) => [name, `${version}`]));
        expect(versions(view)).toEqual(Object.fromEntries(last));
        expect(view.version).toBe(`${Math.max(from, lines.length)}`);
      }),
    );
  });

  it("has changed exactly if an object has, or at its first list", () => {
    fc.assert(
      fc.property(history, history, ({ states: [, ...one] }, { states: two }) => {
        const [before, after] = [one.at(-1) ?? new Map(), two.at(-1) ?? new Map()];
        expect(listed(UNKNOWN, list(1)).hasChanged).toBe(true);
        const items = [...after].map(([name, version]) => object(name, version));
        const { hasChanged, view } = listed(expired(at(1, before)), list(99, ...items));
        expect(hasChanged).toBe(JSON.stringify([...before].sort()) !== JSON.stringify([...after].sort()));
        expect(view).toMatchObject({ version: "99", isSynced: true });
      }),
    );
  });

  it("is moved on by a bookmark without a change", () => {
    const view = at(1, new Map([["a", 1]]));
    expect(told(view, bookmark(7))).toEqual({ kind: "update", view: { ...view, version: "7" }, hasChanged: false });
  });

  it("does not change by what it knows already, or by the end of what it does not know", () => {
    const view = at(1, new Map([["a", 1]]));
    expect(told(view, event("ADDED", "a", 1))).toMatchObject({ kind: "update", hasChanged: false });
    expect(told(view, event("DELETED", "b", 2))).toMatchObject({ kind: "update", hasChanged: false });
  });

  it("knows objects of several namespaces apart", () => {
    const pod = (namespace: string) => ({ metadata: { name: "x", namespace, resourceVersion: "1" } });
    expect([...listed(UNKNOWN, list(1, pod("a"), pod("b"))).view.objects.keys()]).toEqual(["a/x", "b/x"]);
  });

  it("of a list that Go has written as null is empty", () => {
    const nothing = { metadata: { resourceVersion: "1" }, items: null as unknown as [] };
    expect(listed(UNKNOWN, nothing).view.objects.size).toBe(0);
  });
});

describe("what ends a watch", () => {
  const status = (code: number, more = {}) => ({ kind: "Status", code, message: "because", ...more });

  it("is a version that is too old, told as an event or instead of a watch", () => {
    expect(told(UNKNOWN, JSON.stringify({ type: "ERROR", object: status(410) }))).toEqual({ kind: "expired" });
    expect(told(UNKNOWN, JSON.stringify(status(410)))).toEqual({ kind: "expired" });
  });

  it("is a refusal with its reason and its pause", () => {
    expect(told(UNKNOWN, JSON.stringify(status(429, { details: { retryAfterSeconds: 3 } })))).toEqual({
      kind: "refused",
      reason: "The API says 429: because",
      retryAfterMs: 3000,
    });
    expect(told(UNKNOWN, JSON.stringify({ type: "ERROR", object: status(500) }))).toEqual({
      kind: "broken",
      reason: "The API says 500: because",
    });
  });

  it("is whatever is no event, and no such line throws", () => {
    const known = listed(UNKNOWN, list(1, object("a", 1))).view;
    for (const line of [
      "",
      "x",
      "null",
      "[]",
      "1",
      '"a"',
      "{}",
      '{"type":"ADDED"}',
      '{"type":"ADDED","object":null}',
    ]) {
      expect(told(known, line)).toEqual({ kind: "nonsense" });
    }
    expect(told(known, event("SYNCED", "a", 2))).toEqual({ kind: "nonsense" });
    fc.assert(
      fc.property(fc.constantFrom("ADDED", "DELETED", "BOOKMARK", "ERROR", "X"), fc.jsonValue(), (type, value) => {
        told(known, JSON.stringify({ type, object: value }));
        told(known, JSON.stringify({ type, object: { metadata: value } }));
        told(known, JSON.stringify(value));
      }),
    );
  });
});

describe("paths", () => {
  it("list from the server's memory, and watch with bookmarks", () => {
    expect(listPath({ path: "/a" })).toBe("/a?resourceVersion=0");
    expect(listPath({ path: "/a", query: "b=c" })).toBe("/a?b=c&resourceVersion=0");
    expect(watchPath({ path: "/a" }, "7", 300)).toBe(
      "/a?watch=1&allowWatchBookmarks=true&resourceVersion=7&timeoutSeconds=300",
    );
  });
});

describe("pauses", () => {
  const patience: Patience = { firstMs: 1000, mostMs: 60_000, healthyMs: 60_000 };
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

  it("double from one second to sixty, give or take a half", () => {
    let course = START;
    const pauses = Array.from({ length: 9 }, () => {
      course = afterFailure(course, patience, 0.5);
      return course.pauseMs / 1000;
    });
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
    fc.assert(
      fc.property(fc.nat(5000), random, (failures, chance) => {
        const { pauseMs } = afterFailure({ failures, pauseMs: 0 }, patience, chance);
        expect(pauseMs).toBeGreaterThanOrEqual(500);
        expect(pauseMs).toBeLessThanOrEqual(90_000);
      }),
    );
  });

  it("are as long as the server asks, within bounds, however long it was away", () => {
    const course = { failures: 9, pauseMs: 0 };
    expect(afterFailure(course, patience, 0, 7000)).toEqual({ failures: 9, pauseMs: 7000 });
    expect(afterFailure(course, patience, 0.5, 100).pauseMs).toBe(1250);
    expect(afterFailure(course, patience, 0, 86_400_000).pauseMs).toBe(60_000);
  });

  it("there are none after a watch that was healthy until its time was over", () => {
    const course = { failures: 5, pauseMs: 0 };
    expect(afterWatch(course, { heardForMs: 60_000, reason: "" }, patience, 0.5)).toEqual(START);
  });

  it("start anew after a healthy watch, and grow after one that ends at once, even well", () => {
    const course = { failures: 2, pauseMs: 0 };
    const ending = { heardForMs: 60_000, reason: "cut" };
    expect(afterWatch(course, ending, patience, 0.5)).toEqual({ failures: 1, pauseMs: 1000 });
    expect(afterWatch(course, { heardForMs: 59_999, reason: "" }, patience, 0.5)).toEqual({
      failures: 3,
      pauseMs: 4000,
    });
  });
});

describe("the next step", () => {
  const known = listed(UNKNOWN, list(5)).view;

  it("is the pause that is owed, then a list of what is unknown, then the watch of all", () => {
    const views = new Map([
      ["a", known],
      ["b", UNKNOWN],
    ]);
    expect(nextStep(views, { failures: 1, pauseMs: 9 })).toEqual({ kind: "pause", ms: 9 });
    expect(nextStep(views, START)).toEqual({ kind: "list", name: "b" });
    expect(nextStep(new Map(views).set("b", known), START)).toEqual({
      kind: "watch",
      versions: new Map([
        ["a", "5"],
        ["b", "5"],
      ]),
    });
    expect(nextStep(new Map(views).set("b", expired(known)), START)).toEqual({ kind: "list", name: "b" });
  });
});
