import { describe, expect, it } from "vitest";
import type { LabelSelector } from "./meta.ts";
import { selects } from "./selector.ts";

const labels = { zone: "a", "node-role.kubernetes.io/control-plane": "true" };
const expression = (key: string, operator: "In" | "NotIn" | "Exists" | "DoesNotExist", ...values: string[]) => ({
  matchExpressions: [{ key, operator, values }],
});

describe("a label selector", () => {
  it.each<[string, LabelSelector | undefined, boolean]>([
    ["that is missing", undefined, true],
    ["that is empty", {}, true],
    ["with a label", { matchLabels: { zone: "a" } }, true],
    ["with another value", { matchLabels: { zone: "b" } }, false],
    ["with a label more", { matchLabels: { zone: "a", disk: "ssd" } }, false],
    ["In", expression("zone", "In", "a", "b"), true],
    ["In others", expression("zone", "In", "b"), false],
    ["In without the label", expression("disk", "In", "ssd"), false],
    ["NotIn", expression("zone", "NotIn", "b"), true],
    ["NotIn with its value", expression("zone", "NotIn", "a"), false],
    ["NotIn without the label", expression("disk", "NotIn", "ssd"), true],
    ["Exists", expression("zone", "Exists"), true],
    ["Exists without the label", expression("toString", "Exists"), false],
    ["DoesNotExist", expression("node-role.kubernetes.io/control-plane", "DoesNotExist"), false],
    ["DoesNotExist without the label", expression("disk", "DoesNotExist"), true],
    ["with two conditions", { matchLabels: { zone: "a" }, ...expression("zone", "NotIn", "a") }, false],
  ])("%s", (_, selector, expected) => {
    expect(selects(selector, labels)).toBe(expected);
  });
});
