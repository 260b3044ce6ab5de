import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { readApplets } from "./busybox.ts";

const directory = mkdtempSync(join(tmpdir(), "busybox-"));
afterAll(() => rmSync(directory, { recursive: true }));

function read(commands: readonly string[]): readonly string[] {
  const [list, program] = [join(directory, "list"), join(directory, "busybox")];
  writeFileSync(list, "# How to write it.\nusr/bin/awk\nsbin/blkid\n");
  writeFileSync(program, `\x7fELF\0${commands.join("\0")}\0\0more`);
  return readApplets(list, program);
}

it("the commands of busybox are those of the list", () => {
  expect(read(["awk", "blkid"])).toEqual(["usr/bin/awk", "sbin/blkid"]);
});

it.each([[["awk"]], [["awk", "blkid", "cat"]], [["awk", "basename", "blkid"]]])(
  "a busybox with the commands %j stops the build",
  (commands) => {
    expect(() => read(commands)).toThrow(expect.objectContaining({ kind: "build" }));
  },
);
