import { expect, it } from "vitest";
import { machineTestsOf, parseSelection, selectMachineTests } from "./select.ts";

it("takes parts in their own order, all if none is named", () => {
  expect(parseSelection([])).toEqual({ parts: ["unit", "kube", "api", "vm"], machineTests: [] });
  expect(parseSelection(["vm", "unit"])).toEqual({ parts: ["unit", "vm"], machineTests: [] });
});

it("takes what follows vm as names of machine tests", () => {
  expect(parseSelection(["vm", "disk", "unit", "iso"])).toEqual({
    parts: ["unit", "vm"],
    machineTests: ["disk", "iso"],
  });
  expect(() => parseSelection(["disk"])).toThrow('"disk" is no part of the tests: these are unit, kube, api, vm.');
});

const tests = machineTestsOf([
  "support",
  "support/machine.ts",
  "boots/disk.test.ts",
  "nodes/node.test.ts",
  "iso.test.ts",
]);

it("knows by its folder whether a file waits for Kubernetes", () => {
  expect(tests).toEqual([
    { name: "disk", group: "boots", file: "test/vm/boots/disk.test.ts" },
    { name: "node", group: "nodes", file: "test/vm/nodes/node.test.ts" },
    { name: "iso", group: "nodes", file: "test/vm/iso.test.ts" },
  ]);
});

it("selects machine tests by name", () => {
  expect(selectMachineTests(tests, [])).toBe(tests);
  expect(selectMachineTests(tests, ["iso", "disk"]).map(({ name }) => name)).toEqual(["disk", "iso"]);
});

it.each([
  ["dsik", { kind: "usage", message: 'There is no machine test "dsik".', hint: 'Did you mean "disk"?' }],
  ["volumes", { hint: "There are: disk, iso, node." }],
])("refuses the name %s, which no test has", (name, error) => {
  expect(() => selectMachineTests(tests, [name])).toThrow(expect.objectContaining(error));
});
