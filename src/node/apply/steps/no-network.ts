import type { StepHandler } from "./handler.ts";

export const noNetwork: StepHandler<"no-network"> = {
  apply: async (host) => (await import("../../network/configure.ts")).resetNetwork(host),
};
