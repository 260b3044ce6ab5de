import type { StepKind } from "./kind.ts";
import type { Step } from "./step.ts";

export const noAccount: StepKind<"no-account"> = {
  describe: ({ user }) => `remove the account ${user}, but not its home`,
};

/** Undoes accounts that steps made and no step wants any more. */
export function undoAccounts(made: readonly string[], steps: readonly Step[]): Step<"no-account">[] {
  const wanted = new Set(steps.map((step) => (step.kind === "account" ? step.user : "")));
  return made.filter((user) => !wanted.has(user)).map((user) => ({ phase: "boot", kind: "no-account", user }));
}
