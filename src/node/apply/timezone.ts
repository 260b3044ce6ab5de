import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { writeNoted } from "./written.ts";

export const ZONES = "/usr/share/zoneinfo/";
const LOCALTIME = "/etc/localtime";

/** Programs that start from now on show local time of this zone. */
export function setTimezone(host: Host, zone: string): void {
  if (host.stat(ZONES + zone) === undefined) {
    throw new K3osError("config", `there is no time zone ${zone}`, { hint: `They are the files below ${ZONES}.` });
  }
  writeNoted(host, LOCALTIME, () => host.symlink(ZONES + zone, LOCALTIME));
}
