import type { StepKind } from "./kind.ts";

/** In place of a hash. No password has this hash. */
export const NO_PASSWORD = "*";

export const password: StepKind<"password"> = {
  describe: (step) =>
    step.password === NO_PASSWORD ? `let nobody log in as ${step.user} by password` : `set password of ${step.user}`,
  isSatisfied: (step, hash) => (step.hashed ? hash === step.password : undefined),
};
