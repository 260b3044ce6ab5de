import { expect, it } from "vitest";
import { run } from "../exit.ts";
import { testIo } from "../test-io.ts";

it.each([
  [["--format", "iso", "--key", "k", "-o", "/tmp/x"], "--key is for --format oci with --output"],
  [["--format", "oci", "--key", "k"], "--key is for --format oci with --output"],
  [["--format", "oci", "--key", "/none", "-o", "/tmp/x"], "There is no key /none"],
])("./k3os build %j is refused before anything is built", async (args, message) => {
  const io = testIo();
  expect(await run(["build", ...args], io)).toBe(2);
  expect(io.err()).toContain(message);
});
