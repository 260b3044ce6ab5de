import type { Dhcp } from "./resolve.ts";

/** What this writes stands below; everything above it is the image's. */
const MARK = "# From here on k3os.network.";

/** dhcpcd.conf(5) of the image with what it looks after; without `dhcp`, of the image alone. */
export function dhcpcdConf(existing: string, dhcp: readonly Dhcp[] | undefined): string {
  const [image = ""] = existing.split(`${MARK}\n`);
  if (dhcp === undefined) return image;
  const blocks = dhcp.map(({ name, ipv4, ipv6, gateway, dns, metric }) =>
    [
      `interface ${name}`,
      ...(ipv4 ? [] : ["noipv4"]),
      ...(ipv6 ? [] : ["noipv6"]),
      ...(gateway ? [] : ["nogateway"]),
      ...(dns ? [] : ["nohook resolv.conf"]),
      ...(metric === undefined ? [] : [`metric ${metric}`]),
      "",
    ].join("\n"),
  );
  const which = dhcp.length === 0 ? "denyinterfaces *" : `allowinterfaces ${dhcp.map(({ name }) => name).join(" ")}`;
  return `${image}${MARK}\n${which}\n${blocks.join("")}`;
}
