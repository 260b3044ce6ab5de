import { expect, it } from "vitest";
import { Lapses, parseAnswers, readyzSays } from "./watch.ts";

it("counts the answers to requests by their status", () => {
  expect(parseAnswers("      3 000\n   1204 200\n")).toEqual(
    new Map([
      ["000", 3],
      ["200", 1204],
    ]),
  );
  expect(parseAnswers("").size).toBe(0);
});

const ready = { status: 200, text: "ok" };
const away = { status: 0, text: "connect ECONNREFUSED" };

it("tells the times without a majority, and what the servers said then", () => {
  const lapses = new Lapses(3, 1000);
  lapses.add(1000, [ready, ready, away]);
  lapses.add(2000, [ready, away, away]);
  lapses.add(3000, [away, away, away]);
  lapses.add(4000, [ready, ready, away]);
  lapses.add(9000, [ready, away, away]);
  expect(lapses.end(9500)).toEqual({
    fewest: 0,
    all: [
      { at: 1, seconds: 2, answers: ["ready", away.text, away.text] },
      { at: 8, seconds: 0.5, answers: ["ready", away.text, away.text] },
    ],
  });
});

it("names the checks of /readyz that fail", () => {
  const text =
    "[+]ping ok\n[-]etcd failed: reason withheld\n[-]poststarthook/start-x failed: reason withheld\nfailed\n";
  expect(readyzSays({ status: 500, text })).toBe("not ready: etcd, poststarthook/start-x");
  expect(readyzSays({ status: 401, text: "{}" })).toBe("status 401");
  expect(readyzSays(away)).toBe(away.text);
});
