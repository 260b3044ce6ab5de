import { describe, expect, it } from "vitest";
import { run } from "../exit.ts";
import { testIo } from "../test-io.ts";

describe("k3os up", () => {
  it.each([
    [["--firmware", "uefi"], "--firmware has no effect"],
    [["--secure-boot"], "--secure-boot has no effect"],
    [["--disk", "--firmware", "bios", "--secure-boot"], "BIOS knows no Secure Boot"],
    [["--disk", "--append", "k3os.debug"], "--append has no effect"],
    [["--iso", "--dev"], "--dev has no effect"],
    [["--iso", "--append", "k3os.debug"], "--append has no effect"],
    [["--disk", "much"], '"much" is no size of a disk'],
    [["--disk", "1G"], "too small for a node"],
  ])("refuses %j before it builds anything", async (options, message) => {
    const io = testIo();
    expect(await run(["up", "--name", "nothing", ...options], io)).toBe(2);
    expect(io.err()).toContain(message);
  });
});

describe("k3os build", () => {
  it.each([
    [["--config", "node.yaml"], "--config is for disks, not for --format image"],
    [["--format", "iso", "--sector-size", "4096"], "--sector-size is for disks"],
  ])("refuses %j before it builds anything", async (options, message) => {
    const io = testIo();
    expect(await run(["build", ...options], io)).toBe(2);
    expect(io.err()).toContain(message);
  });
});
