import { join } from "node:path";
import { K3osError } from "../errors.ts";
import { runCommand } from "../process/run.ts";
import { digestTree } from "./digest.ts";
import { megabytes, treeSize } from "./extract.ts";
import type { GoToolchain } from "./go.ts";
import type { SourceFiles } from "./identity.ts";
import type { Work } from "./steps.ts";

export interface KubeParts {
  readonly source: SourceFiles;
  /** Go's name of the processor. */
  readonly architecture: string;
}

/** Files that are no part of the binaries. */
export const isTest = (name: string) => name.endsWith("_test.go");

/** Compiles what is in `kube/`; fails if that changed meanwhile. */
export async function makeKube(work: Work, { source, architecture }: KubeParts, go: GoToolchain): Promise<string> {
  const size = await compileKube(work, source.path, architecture, go);
  if ((await digestTree(source.path, isTest)) === source.identity) return size;
  throw new K3osError("build", "Files in kube/ were changed while they were compiled.", { hint: "Build again." });
}

/** The compiler names each package that it has done: that is the counter. */
async function compileKube(work: Work, kube: string, architecture: string, go: GoToolchain): Promise<string> {
  const env = {
    ...go.env,
    GOARCH: architecture,
    ...(work.jobs !== undefined && { GOMAXPROCS: `${work.jobs}` }),
  };
  let done = 0;
  let total = 0;
  const counting = runCommand(["go", "list", "-deps", "./..."], { cwd: kube, env, signal: work.signal }).then(
    (list) => {
      total = list.trim().split("\n").length;
    },
    () => {},
  );
  const onErrorLine = (line: string) => {
    if (!/^[\w.~-]+(\/[\w.~-]+)*$/.test(line)) return;
    done += 1;
    work.update(total ? `${done}/${Math.max(total, done)} packages` : `${done} packages`);
  };
  await work.command([join(kube, "build.sh"), work.out], { cwd: kube, env, onErrorLine });
  await counting;
  return megabytes(treeSize(work.out));
}
