import { K3S_CONF, K3S_ENVIRONMENT } from "../../../config/steps/k3s.ts";
import { readTextIf } from "../../../host/files.ts";
import { writeFiles } from "../write.ts";
import type { StepHandler } from "./handler.ts";

export const k3s: StepHandler<"k3s"> = {
  observe: (host) =>
    Object.fromEntries(
      [K3S_CONF, K3S_ENVIRONMENT].flatMap((path) => {
        const text = readTextIf(host, path);
        return text === undefined ? [] : [[path, text]];
      }),
    ),
  apply: writeFiles,
};
