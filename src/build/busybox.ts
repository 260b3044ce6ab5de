import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { K3osError } from "../errors.ts";

/**
 * The commands of busybox as paths, such as `usr/bin/awk`, from `os/busybox-applets`. The program is not run: it may be
 * for another processor. But it holds the names of its commands in alphabetical order, each with a zero byte behind it
 * and one more at the end, and these must be the same.
 */
export function readApplets(list: string, busybox: string): readonly string[] {
  const applets = readFileSync(list, "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  const names = applets.map((path) => basename(path));
  if (readFileSync(busybox).includes(`\0${names.join("\0")}\0\0`)) return applets;
  throw new K3osError("build", "The packaged busybox has other commands than os/busybox-applets lists.", {
    hint: "Write that list anew; its first lines say how.",
  });
}
