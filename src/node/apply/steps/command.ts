import { K3osError } from "../../../errors.ts";
import type { StepHandler } from "./handler.ts";

export const command: StepHandler<"command"> = {
  async apply(host, step) {
    const { status } = await host.exec(["sh", "-c", step.command], { inherit: true });
    if (status !== 0) throw new K3osError("config", `ended with status ${status}`);
  },
};
