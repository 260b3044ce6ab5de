import { join } from "node:path";
import type { SourceFiles } from "../../src/build/identity.ts";
import type { Work } from "../../src/build/steps.ts";

export interface SuiteParts {
  /** `bench/conformance/e2e` */
  readonly source: SourceFiles;
  /** `kube/flags.sh` */
  readonly flags: SourceFiles;
}

/** Compiles upstream's suite with that compiler. Its build.sh says what the result holds. */
export async function compileSuite(
  work: Work,
  { source }: SuiteParts,
  env: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const jobs = work.jobs === undefined ? {} : { GOMAXPROCS: `${work.jobs}` };
  await work.command([join(source.path, "build.sh"), work.out], { cwd: source.path, env: { ...env, ...jobs } });
  return undefined;
}
