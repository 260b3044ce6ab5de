import { restoreSysctl as restore } from "../set-sysctls.ts";
import type { StepHandler } from "./handler.ts";

export const restoreSysctl: StepHandler<"restore-sysctl"> = {
  apply: (host, { key, value }) => restore(host, key, value),
};
