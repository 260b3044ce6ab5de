import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { recordedSteps } from "./recorded.ts";

const cache = mkdtempSync(join(tmpdir(), "k3os-bench-"));
afterAll(() => rmSync(cache, { recursive: true }));

it("takes the newest log of each step", () => {
  mkdirSync(join(cache, "logs"));
  const log = (name: string, secondsFromNow: number) => {
    const path = join(cache, "logs", name);
    writeFileSync(path, "");
    const time = Date.now() / 1000 + secondsFromNow;
    utimesSync(path, time, time);
  };
  log("root-packages-0123456789abcdef0123.log", 100);
  log("root-packages-fedcba98765432100123.log", 14);
  log("kube-0123456789abcdef0123.log", 400);
  log("bench-peer-tree-0123456789abcdef0123.log", 9);
  log("packages.log", 9);
  const steps = recordedSteps(cache).map(({ step, seconds }) => [step, Math.round(seconds)]);
  expect(steps).toEqual([
    ["kube", 400],
    ["root-packages", 100],
  ]);
});

it("knows nothing before the first build", () => {
  expect(recordedSteps(join(cache, "none"))).toEqual([]);
});
