import type { StepKind } from "./kind.ts";
import type { Step } from "./step.ts";

export const noNetwork: StepKind<"no-network"> = {
  describe: () => "let every network card ask DHCP again",
  isReadByK3s: () => true,
};

/** Undoes a network that was configured, if the config has none any more. */
export function undoNetwork(isConfigured: boolean, steps: readonly Step[]): Step<"no-network">[] {
  const isOutdated = isConfigured && !steps.some(({ kind }) => kind === "network");
  return isOutdated ? [{ phase: "boot", kind: "no-network" }] : [];
}
