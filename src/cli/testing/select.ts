import { readdirSync } from "node:fs";
import { basename } from "node:path";
import { editDistance } from "../../config/spelling.ts";
import { K3osError } from "../../errors.ts";
import { GROUPS, type MachineTest } from "./schedule.ts";

export const partNames = ["unit", "kube", "api", "vm", "matrix"] as const;
export type PartName = (typeof partNames)[number];

/** What runs if no part is named. */
const usualParts: readonly PartName[] = partNames.filter((name) => name !== "matrix");

/** What the words of a command line ask for. */
export interface Selection {
  readonly parts: readonly PartName[];
  /** Names of machine tests; all of the part if empty. */
  readonly machineTests: readonly string[];
}

/** Reads `[PART…] [NAME…]`: what follows `vm` and is no part is the name of a machine test. */
export function parseSelection(words: readonly string[]): Selection {
  if (words.length === 0) return { parts: usualParts, machineTests: [] };
  const isPart = (word: string): word is PartName => partNames.some((name) => name === word);
  const machineTests: string[] = [];
  for (const [index, word] of words.entries()) {
    if (isPart(word)) continue;
    if (!words.slice(0, index).includes("vm")) {
      throw new K3osError("usage", `"${word}" is no part of the tests: these are ${partNames.join(", ")}.`, {
        hint: `If it is the name of a machine test: ./k3os test vm ${word}`,
      });
    }
    machineTests.push(word);
  }
  return { parts: partNames.filter((name) => words.includes(name)), machineTests };
}

/** The machine tests of the repository at `project`. */
export function findMachineTests(project: string): MachineTest[] {
  return machineTestsOf(readdirSync(`${project}/test/vm`, { recursive: true, encoding: "utf8" }));
}

/** The machine tests among paths below `test/vm`. One in no folder of a group may use all processors, as `nodes` do. */
export function machineTestsOf(paths: readonly string[]): MachineTest[] {
  return paths
    .filter((path) => path.endsWith(".test.ts"))
    .map((path) => ({
      name: basename(path, ".test.ts"),
      group: GROUPS.find((group) => path.startsWith(`${group}/`)) ?? "nodes",
      file: `test/vm/${path}`,
    }));
}

/**
 * The tests that a selection asks for: of `vm`, those of the names, or all but the matrix if there are none; of
 * `matrix`, its own. Throws `usage` for a name that no test has.
 */
export function selectMachineTests(
  tests: readonly MachineTest[],
  { parts, machineTests: names }: Selection,
): readonly MachineTest[] {
  for (const name of names) {
    if (tests.some((test) => test.name === name)) continue;
    const known = tests.map((test) => test.name).sort();
    const meant = known.find((one) => editDistance(name, one, 3) < 3);
    throw new K3osError("usage", `There is no machine test "${name}".`, {
      hint: meant === undefined ? `There are: ${known.join(", ")}.` : `Did you mean "${meant}"?`,
    });
  }
  return tests.filter(({ name, group }) => {
    const isMatrix = group === "matrix";
    const isOfVm = names.length === 0 ? !isMatrix : names.includes(name);
    return (parts.includes("vm") && isOfVm) || (parts.includes("matrix") && isMatrix);
  });
}
