import type { Host } from "../../../host/host.ts";
import { run } from "../../../host/run.ts";
import { isStarted } from "../../openrc.ts";
import { writeNotedFiles } from "../write.ts";
import type { StepHandler } from "./handler.ts";

export const ntp: StepHandler<"ntp"> = {
  async apply(host, step) {
    writeNotedFiles(host, step);
    await reloadSources(host);
  },
};

/** Makes a chrony that runs read its files of sources again. */
export async function reloadSources(host: Host): Promise<void> {
  if (isStarted(host, "chronyd")) await run(host, ["chronyc", "reload", "sources"]);
}
