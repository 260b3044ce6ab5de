import type { Host } from "../../host/host.ts";

/** Whether the machine has a network card for Wi-Fi that the kernel drives. */
export function hasWifi(host: Host): boolean {
  const cards = "/sys/class/net";
  return (
    host.stat(cards) !== undefined &&
    host.list(cards).some((name) => host.stat(`${cards}/${name}/phy80211`) !== undefined)
  );
}
