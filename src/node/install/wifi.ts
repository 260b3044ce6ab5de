import type { Host } from "../../host/host.ts";

/** Whether the machine has a Wi-Fi card with a driver. */
export function hasWifi(host: Host): boolean {
  const cards = "/sys/class/net";
  return (
    host.stat(cards) !== undefined &&
    host.list(cards).some((name) => host.stat(`${cards}/${name}/phy80211`) !== undefined)
  );
}
