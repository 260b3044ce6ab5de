import { ENVIRONMENT } from "./environment.ts";
import type { StepKind } from "./kind.ts";
import { REGISTRIES } from "./registries.ts";
import type { Step } from "./step.ts";

export const restore: StepKind<"restore"> = {
  describe: ({ path }) => `put ${path} back as it was`,
  isReadByK3s: ({ path }) => path === REGISTRIES || path === ENVIRONMENT,
};

/** Undoes files that earlier steps wrote. `paths` are those that the present steps write. */
export function undoFiles(written: readonly string[], paths: ReadonlySet<string>): Step<"restore">[] {
  return written.filter((path) => !paths.has(path)).map((path) => ({ phase: "boot", kind: "restore", path }));
}
