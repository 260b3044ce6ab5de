import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareVersions } from "./version.ts";

describe("compareVersions", () => {
  it.each([
    // The chain of semver.org, section 11.
    "1.0.0-alpha < 1.0.0-alpha.1",
    "1.0.0-alpha.1 < 1.0.0-alpha.beta",
    "1.0.0-alpha.beta < 1.0.0-beta",
    "1.0.0-beta < 1.0.0-beta.2",
    "1.0.0-beta.2 < 1.0.0-beta.11",
    "1.0.0-beta.11 < 1.0.0-rc.1",
    "1.0.0-rc.1 < 1.0.0",
    "0.30.0 < 0.31.0",
    "0.9.0 < 0.10.0",
    "0.31.0 < 1.0.0",
    "0.31.0 = 0.31.0+build.5",
    "v0.31.0 = 0.31.0",
    "0.31 = 0.31.0",
    "0.31 < 0.31.1",
    "0.31.0~rc1 < 0.31.0",
    "9007199254740993.0.0 < 9007199254740994.0.0",
  ])("%s", (text) => {
    const [a = "", sign, b = ""] = text.split(" ");
    const want = sign === "<" ? -1 : 0;
    expect(Math.sign(compareVersions(a, b))).toBe(want);
    expect(Math.sign(compareVersions(b, a))).toBe(want === 0 ? 0 : 1);
  });

  const version = fc.stringMatching(/^[0-9a-z.+~-]{0,8}$/);

  it("orders any versions: no two disagree with a third", () => {
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(Math.sign(compareVersions(a, b))).toBe(0 - Math.sign(compareVersions(b, a)));
        if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) {
          expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
        }
      }),
    );
  });

  it("orders numbers by their values", () => {
    const number = fc.nat();
    fc.assert(
      fc.property(fc.tuple(number, number, number), fc.tuple(number, number, number), (a, b) => {
        const first = a.map((one, index) => one - (b[index] ?? 0)).find((difference) => difference !== 0) ?? 0;
        expect(Math.sign(compareVersions(a.join("."), b.join(".")))).toBe(Math.sign(first));
      }),
    );
  });
});
