import type { StepKind } from "./kind.ts";

export const module: StepKind<"module"> = {
  describe: ({ name, parameters }) => `load module ${[name, ...parameters].join(" ")}`,
  isSatisfied: (_, isLoaded) => isLoaded,
};
