import { describe, expect, it } from "vitest";
import { drawTimeline, timelineOf } from "./timeline.ts";

const lines = (...notes: object[]) => notes.map((note) => `${JSON.stringify(note)}\n`).join("");

const marks = lines(
  { stage: "init", uptime_s: 4.7 },
  { stage: "root", uptime_s: 5.5 },
  { stage: "modules", uptime_s: 9.4 },
  { stage: "config", uptime_s: 9.8 },
  { stage: "services", uptime_s: 17.8 },
);
const k3s = lines(
  { stage: "process-start", uptime_s: 19, pid: 321 },
  { stage: "containerd-ready", uptime_s: 25, pid: 321 },
  { stage: "api-ready", uptime_s: 35, pid: 321 },
  { stage: "node-ready", uptime_s: 40, pid: 321 },
);

describe("the timeline of a boot", () => {
  it("goes from the kernel to Ready", () => {
    const phases = timelineOf(marks, k3s);
    expect(phases.map(({ phase, start_s, end_s }) => [phase, start_s, end_s])).toEqual([
      ["kernel", 0, 4.7],
      ["initrd", 4.7, 5.5],
      ["root", 5.5, 9.8],
      ["services", 9.8, 17.8],
      ["k3s", 19, 40],
    ]);
    expect(phases[2]?.stages.map(({ stage }) => stage)).toEqual(["modules", "config"]);
    expect(phases[4]?.stages).toEqual([
      { stage: "containerd", start_s: 19, end_s: 25 },
      { stage: "API server", start_s: 19, end_s: 35 },
      { stage: "node", start_s: 35, end_s: 40 },
    ]);
  });

  it("has the stages of our programs, and why one failed", () => {
    const boot = lines(
      { stage: "init", uptime_s: 4 },
      { stage: "volumes", uptime_s: 4.8, part: "initrd", duration_s: 0.75 },
      { stage: "root", uptime_s: 5 },
      { stage: "data source", uptime_s: 6, part: "root", duration_s: 0.5, failed: "mount: bad superblock" },
      { stage: "modules", uptime_s: 6 },
      { stage: "config", uptime_s: 7 },
    );
    const [, initrd, root] = timelineOf(boot, "");
    expect(initrd?.stages).toEqual([{ stage: "volumes", start_s: 4.05, end_s: 4.8 }]);
    expect(root?.stages).toEqual([{ stage: "data source", start_s: 5.5, end_s: 6, failed: "mount: bad superblock" }]);
  });

  it("ends with what is not complete yet, and reads no half line", () => {
    const phases = timelineOf(`${lines({ stage: "init", uptime_s: 4.7 })}{"stage":"ro`, "");
    expect(phases).toEqual([
      { phase: "kernel", start_s: 0, end_s: 4.7, stages: [] },
      { phase: "initrd", start_s: 4.7, end_s: null, stages: [] },
    ]);
    expect(timelineOf("", "")).toEqual([]);
  });

  it("keeps to the first start of a k3s that was restarted", () => {
    const again = lines({ stage: "process-start", uptime_s: 90 }, { stage: "node-ready", uptime_s: 99 });
    expect(timelineOf(marks, k3s + again)).toEqual(timelineOf(marks, k3s));
  });

  it("is drawn with bars on one scale", () => {
    expect(`\n${drawTimeline(timelineOf(marks, k3s), 70).join("\n")}\n`).toMatchInlineSnapshot(`
      "
                     start s  took s
      kernel           0.0     4.7  █████
      initrd           4.7     0.8       █
      root             5.5     4.3        ████
        modules        5.5     3.9        ███
        config         9.4     0.4           █
      services         9.8     8.0            ████████
      k3s             19.0    21.0                     █████████████████████
        containerd    19.0     6.0                     ██████
        API server    19.0    16.0                     ████████████████
        node          35.0     5.0                                     █████
      "
    `);
  });

  it("says why a stage failed, and leaves out what took no time", () => {
    const failed = { stage: "disk", uptime_s: 6, part: "root", duration_s: 0, failed: "no room" };
    const quick = { stage: "clock", uptime_s: 6, part: "root", duration_s: 0.02 };
    const drawn = drawTimeline(timelineOf(marks + lines(failed, quick), ""), 80).join("\n");
    expect(drawn).toMatch(/ {2}disk .*\n.*failed: no room\n/);
    expect(drawn).not.toContain("clock");
  });
});
