import type { StepKind } from "./kind.ts";

export const manifest: StepKind<"manifest"> = {
  describe: ({ name }) => `put the manifest ${name} where k3s finds it`,
  isSatisfied: (_, isThere) => isThere,
};
