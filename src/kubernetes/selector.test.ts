import { expect, it } from "vitest";
import type { LabelSelector } from "./meta.ts";
import { selects } from "./selector.ts";

const labels = { zone: "a", role: "" };

it.each<[LabelSelector | undefined, boolean]>([
  [undefined, true],
  [{}, true],
  [{ matchLabels: { zone: "a", role: "" } }, true],
  [{ matchLabels: { zone: "b" } }, false],
  [{ matchLabels: { toString: "x" } }, false],
  [{ matchExpressions: [{ key: "zone", operator: "In", values: ["a", "b"] }] }, true],
  [{ matchExpressions: [{ key: "zone", operator: "NotIn", values: ["a"] }] }, false],
  [{ matchExpressions: [{ key: "gone", operator: "NotIn", values: ["a"] }] }, true],
  [{ matchExpressions: [{ key: "role", operator: "Exists" }] }, true],
  [{ matchExpressions: [{ key: "role", operator: "DoesNotExist" }] }, false],
  [{ matchLabels: { zone: "a" }, matchExpressions: [{ key: "gone", operator: "Exists" }] }, false],
])("%j selects: %s", (selector, want) => {
  expect(selects(selector, labels)).toBe(want);
});
