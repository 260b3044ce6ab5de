import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { plain as withoutEscapes } from "../../vm/serial.ts";
import { collector, testIo } from "../test-io.ts";
import { duration, fit } from "./format.ts";
import { asStep, withProgress } from "./index.ts";
import { liveProgress } from "./live.ts";
import { plainProgress } from "./plain.ts";

const dir = mkdtempSync(join(tmpdir(), "k3os-progress-"));
afterAll(() => rmSync(dir, { recursive: true }));
const log = join(dir, "step.log");
writeFileSync(log, Array.from({ length: 40 }, (_, index) => `line ${index + 1}`).join("\n"));

describe("duration", () => {
  it.each([
    [0, "0.0 s"],
    [940, "0.9 s"],
    [9_960, "10 s"],
    [59_400, "59 s"],
    [59_600, "1 min 00 s"],
    [187_000, "3 min 07 s"],
  ])("%i ms: %s", (milliseconds, wanted) => {
    expect(duration(milliseconds)).toBe(wanted);
  });
});

it("fits a line into the terminal", () => {
  expect(fit("abcdef", 6)).toBe("abcdef");
  expect(fit("abcdef", 4)).toBe("abc…");
});

describe("without a terminal", () => {
  it("is a line a step, without escape sequences", () => {
    const output = collector();
    let now = 0;
    const progress = plainProgress(output, () => now);
    const [kernel, kube] = [progress.step("Kernel"), progress.step("Kubernetes")];
    kube.update("1/2000");
    now = 2500;
    kernel.done("cached");
    now = 61_000;
    kube.done();
    expect(output.text).toBe("✓ Kernel (cached, 2.5 s)\n✓ Kubernetes (1 min 01 s)\n");
  });

  it("shows the end of a failed step's log and names the whole of it", () => {
    const output = collector();
    plainProgress(output, () => 0)
      .step("Kernel")
      .fail(log);
    const lines = output.text.split("\n");
    expect(lines.slice(0, 2)).toEqual(["✗ Kernel (failed, 0.0 s)", "    line 11"]);
    expect(lines.slice(-3)).toEqual(["    line 40", `    The whole log: ${log}`, ""]);
  });

  it("tells what was stopped in the middle", async () => {
    const io = testIo();
    const work = withProgress(io, false, async (progress) => {
      progress.step("Kernel");
      throw new Error("stop");
    });
    await expect(work).rejects.toThrow("stop");
    expect(io.out()).toBe("- Kernel (stopped, 0.0 s)\n");
  });

  it("leaves standard output to the result with --json", async () => {
    const io = testIo();
    await withProgress(io, true, (progress) => asStep(progress, "Kernel", async () => 1));
    expect([io.out(), io.err()]).toEqual(["", "✓ Kernel (0.0 s)\n"]);
  });
});

describe("on a terminal", () => {
  it("ends with the finished steps in view, uncoloured if that is wanted", () => {
    const output = Object.assign(collector(), { isTTY: true, columns: 60, rows: 20 });
    const progress = liveProgress(output, false);
    const [kernel, kube] = [progress.step("Kernel"), progress.step("Kubernetes")];
    kube.update("12/2000");
    kernel.done("cached");
    kube.fail(log);
    progress.close();
    expect(output.text).not.toMatch(/\x1b\[3[0-9]m/);
    const text = withoutEscapes(output.text);
    expect(text).toMatch(/⠋ Kernel {2}\d\.\d s/);
    expect(text).toMatch(/✓ Kernel {2}cached, \d\.\d s/);
    expect(text).toMatch(/⠹ Kubernetes {2}12\/2000 {2}\d\.\d s/);
    expect(text).toMatch(/ line 11\n(.*\n)* {4}The whole log: /);
  });
});
