/** When this node may be upgraded: the windows of a config or of a pool, by the clock of this machine. */
import type { UpgradeWindow } from "../../config/schema/upgrade.ts";
import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { isClockTrusted } from "../images/trust.ts";
import { RUN } from "../places.ts";
import { nextSpan, type OffsetAt, type Span } from "./window.ts";

/** Whether a clock that was wrong at boot was set since by a time server. */
export async function isClockRight(host: Host): Promise<boolean> {
  if (isClockTrusted(host)) return true;
  if ((await host.exec(["chronyc", "-n", "waitsync", "1", "0", "0", "0"])).status !== 0) return false;
  for (const name of ["clock-was-wrong", "clock-not-set"]) host.remove(`${RUN}/${name}`);
  return true;
}

/** The span of a window that is open, or else the next one. Throws if its zone is not known. */
export async function spanOf(host: Host, window: UpgradeWindow): Promise<Span> {
  const zone = window.time_zone;
  // date(1) takes a zone that it does not know for UTC.
  if (zone !== undefined && host.stat(`/usr/share/zoneinfo/${zone}`) === undefined) {
    throw new K3osError("config", `there is no time zone ${zone}`, {
      hint: "Name one of /usr/share/zoneinfo, such as Europe/Berlin.",
    });
  }
  return nextSpan(window, host.now() / 1000, offsets(host, zone));
}

/** QuickJS knows no time zones. The zone of the node if none is given. */
function offsets(host: Host, zone: string | undefined): OffsetAt {
  return async (at) => {
    const env = zone === undefined ? {} : { env: { TZ: zone } };
    const text = await run(host, ["date", "-d", `@${Math.floor(at)}`, "+%z"], env);
    const [, sign = "+", hours = "0", minutes = "0"] = /^([+-])(\d\d)(\d\d)$/.exec(text.trim()) ?? [];
    return (sign === "-" ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60);
  };
}
