import { describe, expect, it } from "vitest";
import { type Line, parseLine } from "../machines/lines.ts";
import { clockOffset, marksOf, sincePowerOn } from "./marks.ts";

const read = (...texts: string[]) => texts.map(parseLine).filter((line): line is Line => line !== undefined);

describe("marks", () => {
  it("come from the guest's init, the node's boot and the k3s binary", () => {
    const lines = read(
      "@9.00 kernel [    1.482133] Run /init as init process",
      '@9.00 stage {"stage":"init","uptime_s":2.3}',
      '@9.00 stage {"stage":"modules","uptime_s":4}',
      '@9.00 stage {"stage":"config","uptime_s":5}',
      "@2.20 mark root",
      '@30.00 stage {"stage":"process-start","uptime_s":6.1,"pid":300}',
      '@30.00 stage {"stage":"node-ready","uptime_s":25.5,"pid":300}',
      "@29.10 mark pod",
    );
    expect(marksOf(lines)).toEqual({
      kernel: 1.482133,
      init: 2.3,
      config: 5,
      root: 2.2,
      k3s: 6.1,
      ready: 25.5,
      pod: 29.1,
    });
  });

  it("are those of the first start", () => {
    const stage = (uptime: number) => `@50.00 stage {"stage":"process-start","uptime_s":${uptime}}`;
    expect(marksOf(read(stage(6), stage(20)))).toEqual({ k3s: 6 });
  });

  it("leave out what they do not know", () => {
    expect(marksOf(read("@1.00 mark lunch", '@1.00 stage {"stage":"flannel","uptime_s":1}'))).toEqual({});
  });
});

it("takes the quickest line for the offset of the clocks", () => {
  const arrivals = read("@2.00 mark init", "@3.00 mark root", "@9.00 mark pod").map((line, index) => ({
    line,
    at: line.uptime + ([1.4, 0.9, 1.1][index] ?? 0),
  }));
  expect(clockOffset(arrivals)).toBeCloseTo(0.9);
});

it("counts from power-on", () => {
  expect(sincePowerOn({ kernel: 1.5, ready: 25 }, 0.5)).toEqual({ "power-on": 0.5, kernel: 2, ready: 25.5 });
});

it("say what a damaged report has instead of a stage", () => {
  const damaged = `@70.10 stage {"stage":"notes","part":"root","d:"service links","uptime_s":5.1}`;
  expect(() => marksOf(read(damaged))).toThrow(
    'The guest\'s report has a damaged stage: expected an object in JSON, got {"stage":"notes","part":"root","d:"',
  );
});
