import type { StepKind } from "./kind.ts";

export const command: StepKind<"command"> = {
  describe: ({ list, index }) => `run ${list}[${index}]`,
};
