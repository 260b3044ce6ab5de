import { homedir } from "node:os";
import { expect, it } from "vitest";
import { cacheDirectory, stateDirectory } from "./xdg.ts";

it("goes by the environment, but for relative paths", () => {
  expect(cacheDirectory({ XDG_CACHE_HOME: "/c" })).toBe("/c/k3os");
  expect(stateDirectory({ XDG_STATE_HOME: "/s" })).toBe("/s/k3os");
  expect(cacheDirectory({ XDG_CACHE_HOME: "c" })).toBe(`${homedir()}/.cache/k3os`);
  expect(stateDirectory({})).toBe(`${homedir()}/.local/state/k3os`);
});
