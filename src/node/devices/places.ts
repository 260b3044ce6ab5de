import { readTextIf } from "../../host/files.ts";
import { type Host, HostError } from "../../host/host.ts";
import type { Place } from "./path-id.ts";

const DEVICES = "/sys/devices";

/**
 * Where the device behind a link of /sys is, such as `/sys/class/net/eth0`, from the inside to the outside; nothing if
 * it is no link, or its device was made by software.
 */
export function placesOf(host: Host, link: string): Place[] {
  if (host.stat(link)?.type !== "link") return [];
  const path = host.readLink(link).split("/devices/")[1] ?? "";
  const outside = path.startsWith("virtual/nvme-subsystem/") ? controllerOf(host, path) : namesAbove(path);
  if (outside.length === 0 || outside[0] === "virtual") return [];
  const placeAt = (name: string, parent: string): Place => {
    const fact = factOf(host, name, parent);
    return { name, subsystem: subsystemOf(host, `${parent}/${name}`), ...(fact !== undefined && { fact }) };
  };
  const places = outside.map((name, index) => placeAt(name, [DEVICES, ...outside.slice(0, index)].join("/")));
  return [placeAt(path.split("/").at(-1) ?? "", `${DEVICES}/${namesAbove(path).join("/")}`), ...places.reverse()];
}

const namesAbove = (path: string) => path.split("/").slice(0, -1);

/**
 * The first controller of an NVMe disk that several controllers may reach. The kernel has such a disk, though most have
 * just one, beside links to them.
 */
function controllerOf(host: Host, disk: string): string[] {
  const subsystem = `${DEVICES}/${namesAbove(disk).join("/")}`;
  const controller = host.list(subsystem).find((name) => /^nvme\d+$/.test(name));
  if (controller === undefined) return [];
  return host
    .readLink(`${subsystem}/${controller}`)
    .replace(/^(\.\.\/)+/, "")
    .split("/");
}

function subsystemOf(host: Host, path: string): string {
  const link = `${path}/subsystem`;
  return host.stat(link)?.type === "link" ? (host.readLink(link).split("/").at(-1) ?? "") : "";
}

function factOf(host: Host, name: string, parent: string): string | undefined {
  const text = (file: string) => attribute(host, `${parent}/${name}/${file}`) || undefined;
  if (/^ata\d+$/.test(name)) return text(`ata_port/${name}/port_no`);
  if (/^nvme\d+n\d+$/.test(name)) return text("nsid");
  if (/^end_device-/.test(name)) return sasPhy(host, name, parent);
  const number = /^host(\d+)$/.exec(name)?.[1];
  if (number === undefined) return undefined;
  const hosts = host.list(parent).flatMap((other) => /^host(\d+)$/.exec(other)?.[1] ?? []);
  return `${Number(number) - Math.min(...hosts.map(Number))}`;
}

/**
 * As udev names it: `phy3` of the controller, `exp0x500605b0000272bf-phy3` of an expander; the device's own address if
 * several phys lead to it.
 */
function sasPhy(host: Host, name: string, parent: string): string | undefined {
  const port = parent.split("/").at(-1) ?? "";
  const owner = parent.split("/").at(-2) ?? "";
  const [address, phy] = ["sas_address", "phy_identifier"].map((file) =>
    attribute(host, `${parent}/${name}/sas_device/${name}/${file}`),
  );
  if (attribute(host, `${parent}/sas_port/${port}/num_phys`) !== "1") return address || undefined;
  const expander = attribute(host, `${parent.slice(0, -port.length - 1)}/sas_device/${owner}/sas_address`);
  if (!phy) return undefined;
  return expander === "" ? `phy${phy}` : `exp${expander}-phy${phy}`;
}

/**
 * The text of a file of /sys, without white space around it; empty if there is none. A device need not answer what the
 * kernel has a file for: reading the `wwid` of most USB sticks fails (ENXIO).
 */
export function attribute(host: Host, path: string): string {
  try {
    return (readTextIf(host, path) ?? "").replace(/[\0\n]+$/, "").trim();
  } catch (error) {
    if (error instanceof HostError) return "";
    throw error;
  }
}
