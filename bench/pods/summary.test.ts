import { describe, expect, it } from "vitest";
import { type Line, parseLine } from "../machines/lines.ts";
import { podsJson, podsOf, podsTable } from "./summary.ts";

const read = (text: string) =>
  text
    .trim()
    .split("\n")
    .map(parseLine)
    .filter((line): line is Line => line !== undefined);

const report = read(`
@60.00 meminfobefore MemTotal:        2000000 kB
@60.00 meminfobefore MemAvailable:    1488000 kB
@60.10 spent before machine 10000 0
@60.10 spent before k3s 5000 10
@60.10 spent before containerd 400 100
@60.10 spent before shims 20 10
@60.00 mark create
@80.00 running 1
@90.00 running 2
@130.00 running 3
@160.00 running 4
@160.30 spent after machine 29000 0
@160.30 spent after k3s 9000 50
@160.30 spent after containerd 2400 4100
@160.30 spent after shims 420 410
@160.30 spent after shims 600 300
@160.40 meminfo MemTotal:        2000000 kB
@160.40 meminfo MemAvailable:    1447040 kB
@160.50 warning 3 FailedCreatePodSandBox
@160.60 done
`);

describe("many pods", () => {
  it("are counted from the creation of their deployment, with the processor time of all that they need", () => {
    const { cpu, ...pods } = podsOf("os", report, 4);
    expect(pods).toEqual({
      ...{ machine: "os", count: 4, first: 20, half: 30, all: 100, machineCpu: 190 },
      ...{ usedBefore: 500, usedAfter: 540, warnings: { FailedCreatePodSandBox: 3 } },
    });
    expect(cpu.k3s).toEqual({ own: 40, started: 0.4 });
    expect(cpu.containerd).toEqual({ own: 20, started: 40 });
    expect(cpu.shims.own).toBeCloseTo(10);
    expect(cpu.shims.started).toBeCloseTo(7);
  });

  it("are shown beside the peer's", () => {
    const ours = podsOf("os", report, 4);
    const table = podsTable([ours, { ...ours, machine: "peer", all: 200, warnings: {} }]);
    expect(table.head).toEqual(["", "k3OS", "Debian + systemd"]);
    expect(Object.fromEntries(table.rows.map(([title = "", ...cells]) => [title, cells]))).toMatchObject({
      "all of them, s": ["100", "200"],
      "processor time a pod, s": ["47.50", "47.50"],
      "of it: containerd": ["5.00", "5.00"],
      "of it: everything else": ["18.15", "18.15"],
      "a pod, MiB": ["10.0", "10.0"],
      "warnings of pods": ["3 × FailedCreatePodSandBox", "–"],
    });
    expect(podsJson([ours, { ...ours, machine: "peer", all: 200 }])).toMatchObject({ seconds: 100, per_peer: 0.5 });
  });

  it("that are not all there are an error", () => {
    expect(() => podsOf("os", report, 5)).toThrow('"os" does not report when 5 of 5 pods ran.');
  });
});
