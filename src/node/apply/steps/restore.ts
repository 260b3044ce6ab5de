import { CHRONY_SOURCES } from "../../../config/steps/ntp.ts";
import { restoreFile } from "../written.ts";
import type { StepHandler } from "./handler.ts";
import { reloadSources } from "./ntp.ts";

export const restore: StepHandler<"restore"> = {
  async apply(host, { path }) {
    restoreFile(host, path);
    if (path === CHRONY_SOURCES) await reloadSources(host);
  },
};
