import { expect, it } from "vitest";
import { machinePaths } from "../../vm/paths.ts";
import { howToReach } from "./machine-tests.ts";

it("tells how to reach a machine that was left running, in the state directory of its test", () => {
  const machine = { name: "test-disk", paths: machinePaths("/tmp/k3os-test-1/state/k3os/machines", "test-disk") };
  const text = howToReach(machine, "/tmp/k3os-test-1");
  expect(text).toContain("XDG_STATE_HOME=/tmp/k3os-test-1/state ./k3os ssh --name test-disk\n");
  expect(text).toMatch(/rm -r \/tmp\/k3os-test-1$/);
});
