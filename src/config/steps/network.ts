import { namesOf } from "../network/dns.ts";
import type { Network } from "../network/schema.ts";
import type { ObservedNetwork, StepKind } from "./kind.ts";

export const network: StepKind<"network"> = {
  describe: (step) => `configure the network: ${namesOf(step.network).join(", ")}`,
  isSatisfied: (step, last) => last?.complete === true && isSame(step.network, last),
  // k3s takes its address when it starts. It keeps the address when the same network is only tried again.
  isReadByK3s: (step, last) => !isSame(step.network, last),
};

function isSame(wanted: Network, last: ObservedNetwork | undefined): boolean {
  return JSON.stringify(last?.network) === JSON.stringify(wanted);
}
