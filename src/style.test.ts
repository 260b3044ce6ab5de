import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const project = join(import.meta.dirname, "..");
const folders = ["src", "test", "bench", "kube", "os/rootfs", "os/initrd", "os/netboot"];
const isComment = /^\s*(\/\/|\/\*|\*|#)/;
const width = 120;

/** Formatters wrap code, but no comments. A tab counts as four columns. */
it("no comment is wider than 120 columns", () => {
  const files = folders.flatMap((folder) =>
    readdirSync(join(project, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /^[^.]+$|\.(ts|go|sh|conf)$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  const wide = files.flatMap((file) =>
    readFileSync(file, "utf8")
      .split("\n")
      .flatMap((line, index) => {
        const columns = line.replaceAll("\t", "    ").length;
        return isComment.test(line) && columns > width ? [`${file}:${index + 1} has ${columns} columns`] : [];
      }),
  );
  expect(wide).toEqual([]);
});
