import { expect, it } from "vitest";
import { wantedGo } from "./go.ts";

it.each([
  ["module k3os.io/kube\n\ngo 1.26.6\n\ntoolchain go1.26.8\n", "go1.26.8"],
  ["module k3os.io/kube\n\ngo 1.26.6\n", "go1.26.6"],
])("the compiler is the toolchain of go.mod, or else its version of the language", (goMod, version) => {
  expect(wantedGo(goMod)).toBe(version);
});
