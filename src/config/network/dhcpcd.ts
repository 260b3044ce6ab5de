import type { Dhcp } from "./resolve.ts";

/** Everything above this line is the image's. Everything below is generated. */
const MARK = "# From here on k3os.network.";

/** The image's dhcpcd.conf(5) with the interfaces that dhcpcd manages. Without `dhcp`, only the image's part. */
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
