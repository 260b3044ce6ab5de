import { LOCALTIME } from "../../../config/steps/timezone.ts";
import { K3osError } from "../../../errors.ts";
import { writeNoted } from "../written.ts";
import type { StepHandler } from "./handler.ts";

const ZONES = "/usr/share/zoneinfo/";

export const timezone: StepHandler<"timezone"> = {
  observe(host) {
    const target = host.stat(LOCALTIME)?.type === "link" ? host.readLink(LOCALTIME) : "";
    return target.startsWith(ZONES) ? target.slice(ZONES.length) : undefined;
  },
  /** Programs that are started later use this zone. */
  apply(host, { zone }) {
    if (host.stat(ZONES + zone) === undefined) {
      throw new K3osError("config", `there is no time zone ${zone}`, { hint: `They are the files below ${ZONES}.` });
    }
    writeNoted(host, LOCALTIME, () => host.symlink(ZONES + zone, LOCALTIME));
  },
};
