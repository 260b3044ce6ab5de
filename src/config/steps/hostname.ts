import type { StepKind } from "./kind.ts";

export const hostname: StepKind<"hostname"> = {
  describe: ({ name }) => `set host name ${name}`,
  isSatisfied: ({ name }, current) => current === name,
};
