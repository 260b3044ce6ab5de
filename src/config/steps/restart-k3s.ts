import type { StepKind } from "./kind.ts";

export const restartK3s: StepKind<"restart-k3s"> = {
  describe: () => "restart k3s, which takes this up when it starts; pods go on running",
};
