import { describe, expect, it } from "vitest";
import { plan } from "./index.ts";
import { loadText, told } from "./testing.ts";

const read = (text: string) => loadText(`k3os: { upgrade: ${text} }`, "system", { strict: true });

describe("k3os.upgrade", () => {
  it("takes a time of the day without quotes, one day, one key and one check without brackets", () => {
    const loaded = read(
      `{ window: { days: Sat, start: 02:00, duration: 4h }, checks: { name: a, pods: { namespace: b } } }`,
    );
    expect(told(loaded)).toEqual([]);
    expect(loaded.config.k3os?.upgrade).toEqual({
      window: { days: ["Sat"], start: "02:00", duration: "4h" },
      checks: [{ name: "a", pods: { namespace: "b" } }],
    });
  });

  it.each([
    [
      "a check of nothing",
      "{ checks: [{ name: a }] }",
      "k3os.upgrade.checks[0].command: expected `command` or `pods`, got neither",
    ],
    [
      "a check of two things",
      "{ checks: [{ name: a, command: b, pods: { namespace: c } }] }",
      "k3os.upgrade.checks[0].pods: expected either `command` or `pods`, got both",
    ],
    [
      "two checks of one name",
      "{ checks: [{ name: a, command: b }, { name: a, command: c }] }",
      'k3os.upgrade.checks[1].name: expected another name for each, got "a" again',
    ],
    [
      "a node that must be healthy for longer than it may try",
      "{ deadline: 5m, stable_for: 5m }",
      "k3os.upgrade.stable_for: expected less than the deadline, 5m, got 5m",
    ],
    [
      "that also if the deadline is the usual one",
      "{ stable_for: 20m }",
      "k3os.upgrade.stable_for: expected less than the deadline, 10m, got 20m",
    ],
    [
      "a window without an end",
      "{ window: { start: 02:00 } }",
      "k3os.upgrade.window.duration: expected this key, got none",
    ],
  ])("refuses %s", (_, text, want) => {
    expect(told(read(text)).join("\n")).toContain(want);
  });

  it("asks for no step: what reads it, reads the config", () => {
    const facts = { mode: "disk", version: "1" };
    const { config } = read("{ source: /media/usb, auto: true, checks: [{ name: a, command: b }] }");
    expect(config.k3os?.upgrade?.auto).toBe(true);
    expect(plan({ ...config, k3os: { ...config.k3os, watchdog: true } }, facts)).toEqual(plan({}, facts));
  });
});
