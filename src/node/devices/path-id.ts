/** The stable path to a device by the buses that it is attached to: udev's ID_PATH (path_id). Pure. */

/** A directory of /sys/devices: a device, or one that holds devices. */
export interface Place {
  /** `0000:00:1f.2`, `host0`. */
  readonly name: string;
  /** Of a device on a bus or in a class, such as `pci`; empty otherwise. */
  readonly subsystem: string;
  /**
   * What the name does not tell. Of an ATA port its number at its controller, of a SCSI host how many its device has
   * before it, of a SAS device its phy, of an NVMe namespace its number.
   */
  readonly fact?: string;
}

interface Bus {
  /** What the device adds to the path. `outwards`: the device, and what contains it; `inmost`: what the path is of. */
  readonly part: (outwards: readonly Place[], inmost: Place | undefined) => string | undefined;
  /** A disk has such a device above it, or else its path might not be unique. */
  readonly transport?: true;
  /** A path has such a device in it, for the same reason. */
  readonly root?: true;
}

const name = (prefix: string) => (outwards: readonly Place[]) => `${prefix}-${outwards[0]?.name}`;

const BUSES: Readonly<Record<string, Bus>> = {
  pci: { part: name("pci"), root: true },
  platform: { part: name("platform"), root: true, transport: true },
  acpi: { part: name("acpi"), root: true },
  xen: { part: name("xen"), root: true },
  virtio: { part: () => "", transport: true },
  scsi: { part: scsiPart, transport: true },
  usb: { part: usbPart, transport: true },
  bcma: { part: ([core]) => `bcma-${core?.name.split(":")[1]}`, transport: true },
  nvme: { part: (_, namespace) => namespace?.fact && `nvme-${namespace.fact}`, transport: true, root: true },
};

/**
 * The path of the device `chain[0]`, which the other places contain, from the inside to the outside; `undefined` if
 * none is sure to be unique. `pci-0000:00:1f.2-ata-1.0`, `pci-0000:00:14.0-usb-0:1:1.0-scsi-0:0:0:0`.
 */
export function pathId(chain: readonly Place[]): string | undefined {
  const parts: string[] = [];
  let [hasTransport, hasRoot] = [chain[0]?.subsystem !== "block", false];
  for (let at = 0; at < chain.length; at++) {
    const { subsystem = "" } = chain[at] ?? {};
    const bus = Object.hasOwn(BUSES, subsystem) ? BUSES[subsystem] : undefined;
    const part = bus?.part(chain.slice(at), chain[0]);
    if (bus === undefined || part === undefined) continue;
    if (part !== "") parts.unshift(part);
    hasTransport ||= bus.transport === true;
    hasRoot ||= bus.root === true;
    // Of bridges and hubs behind each other, the innermost port says it all.
    while (chain[at + 1]?.subsystem === subsystem) at++;
  }
  return hasTransport && hasRoot && parts.length > 0 ? parts.join("-") : undefined;
}

/** The second name of a disk on a port of SATA, which older versions of udev gave it. */
export function withoutTarget(path: string): string | undefined {
  return /-ata-\d+\.0$/.test(path) ? path.slice(0, -2) : undefined;
}

function usbPart([device]: readonly Place[]): string | undefined {
  const port = /-(.+)$/.exec(device?.name ?? "")?.[1];
  return port === undefined ? undefined : `usb-0:${port}`;
}

function scsiPart([device, ...above]: readonly Place[]): string | undefined {
  const [, bus = "", target = "", lun = ""] = /^\d+:(\d+):(\d+):(\d+)$/.exec(device?.name ?? "") ?? [];
  if (lun === "") return undefined;
  const within = (pattern: RegExp) => above.find((place) => pattern.test(place.name));
  // Paths over fibre and network have addresses of the remote end, which are not looked for.
  if (within(/^(rport-|session)/)) return undefined;
  const port = within(/^ata\d+$/)?.fact;
  if (port !== undefined) return `ata-${port}.${bus === "0" ? target : `${bus}.0`}`;
  const phy = within(/^end_device-/)?.fact;
  if (phy !== undefined) return `sas-${phy}-${unit(Number(lun))}`;
  const guid = above.find(({ subsystem }) => subsystem === "vmbus")?.name.replaceAll("-", "");
  if (guid !== undefined) return `vmbus-${guid}-${unit(Number(lun))}`;
  const host = within(/^host\d+$/);
  return host && `scsi-${host.fact ?? 0}:${bus}:${target}:${lun}`;
}

function unit(lun: number): string {
  const hex = (number: number) => number.toString(16).padStart(4, "0");
  return lun < 256 ? `lun-${lun}` : `lun-0x${hex(lun & 0xffff)}${hex(lun >>> 16)}00000000`;
}
