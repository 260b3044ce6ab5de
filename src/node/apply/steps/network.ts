import { configuredNetwork } from "../../network/configured.ts";
import type { StepHandler } from "./handler.ts";

export const network: StepHandler<"network"> = {
  observe: (host) => configuredNetwork(host),
  apply: async (host, step) => (await import("../../network/configure.ts")).configureNetwork(host, step.network),
};
