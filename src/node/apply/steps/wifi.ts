import { writeNotedFiles } from "../write.ts";
import type { StepHandler } from "./handler.ts";

export const wifi: StepHandler<"wifi"> = {
  apply: async (host, step) =>
    (await import("../../network/wifi.ts")).joinWifi(host, () => writeNotedFiles(host, step)),
};
