import { run } from "../../../host/run.ts";
import type { StepHandler } from "./handler.ts";

export const restartK3s: StepHandler<"restart-k3s"> = {
  apply: async (host) => void (await run(host, ["rc-service", "--quiet", "k3s", "restart"])),
};
