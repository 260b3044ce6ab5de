import { expect, it } from "vitest";
import { machineTestsOf, parseSelection, selectMachineTests } from "./select.ts";

it("takes parts in their own order, all but the matrix if none is named", () => {
  expect(parseSelection([])).toEqual({ parts: ["unit", "kube", "api", "vm"], machineTests: [] });
  expect(parseSelection(["matrix", "unit"])).toEqual({ parts: ["unit", "matrix"], machineTests: [] });
});

it("takes what follows vm as names of machine tests", () => {
  expect(parseSelection(["vm", "disk", "unit", "iso"])).toEqual({
    parts: ["unit", "vm"],
    machineTests: ["disk", "iso"],
  });
  expect(() => parseSelection(["disk"])).toThrow(
    '"disk" is no part of the tests: these are unit, kube, api, vm, matrix.',
  );
});

const tests = machineTestsOf([
  "support",
  "support/machine.ts",
  "boots/disk.test.ts",
  "nodes/node.test.ts",
  "iso.test.ts",
  "matrix/media.test.ts",
]);

it("knows by its folder whether a file waits for Kubernetes", () => {
  expect(tests).toEqual([
    { name: "disk", group: "boots", file: "test/vm/boots/disk.test.ts" },
    { name: "node", group: "nodes", file: "test/vm/nodes/node.test.ts" },
    { name: "iso", group: "nodes", file: "test/vm/iso.test.ts" },
    { name: "media", group: "matrix", file: "test/vm/matrix/media.test.ts" },
  ]);
});

it("selects machine tests by name", () => {
  const selected = (...words: string[]) => selectMachineTests(tests, parseSelection(words)).map(({ name }) => name);
  expect(selected()).toEqual(["disk", "node", "iso"]);
  expect(selected("unit")).toEqual([]);
  expect(selected("matrix")).toEqual(["media"]);
  expect(selected("vm", "matrix")).toEqual(["disk", "node", "iso", "media"]);
  expect(selected("vm", "media", "disk")).toEqual(["disk", "media"]);
  expect(selected("vm", "disk", "matrix")).toEqual(["disk", "media"]);
});

it.each([
  ["dsik", { kind: "usage", message: 'There is no machine test "dsik".', hint: 'Did you mean "disk"?' }],
  ["volumes", { hint: "There are: disk, iso, media, node." }],
])("refuses the name %s, which no test has", (name, error) => {
  expect(() => selectMachineTests(tests, parseSelection(["vm", name]))).toThrow(expect.objectContaining(error));
});
