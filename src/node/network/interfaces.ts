import type { Interface } from "../../config/index.ts";
import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { pathId } from "../devices/path-id.ts";
import { placesOf } from "../devices/places.ts";

const ALL = "/sys/class/net";

/** The network interfaces of this machine, without the loopback. */
export function interfaces(host: Host): Interface[] {
  // The directory may contain files, such as bonding_masters.
  const names = host.list(ALL).filter((name) => name !== "lo" && host.stat(`${ALL}/${name}/address`));
  return names.map((name) => {
    // The permanent address of a card in a bond.
    const permanent = readTextIf(host, `${ALL}/${name}/bonding_slave/perm_hwaddr`);
    const mac = (permanent ?? host.readText(`${ALL}/${name}/address`)).trim();
    const link = `${ALL}/${name}/device/driver`;
    if (host.stat(link)?.type !== "link") return { name, mac };
    return { name, mac, driver: host.readLink(link).split("/").at(-1), path: pathId(placesOf(host, `${ALL}/${name}`)) };
  });
}
