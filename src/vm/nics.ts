/** Network cards of a machine, for QEMU's command line. Pure. */

/** Forwards a port of the host (on 127.0.0.1 only) to a port of the guest. */
export interface Forward {
  readonly host: number;
  readonly guest: number;
}

export interface Nic {
  readonly mac?: string;
  /** QEMU's model; virtio if not given. */
  readonly model?: string;
  /** Cards on one hub reach only each other. Without a hub, the card has a network of its own with DHCP and NAT. */
  readonly hub?: number;
  /**
   * Cards of all machines of this host with that number are on one wire. Like `hub`, it has neither DHCP nor a way out.
   * The number is a UDP port, which the wire takes at 230.0.0.1 on the loopback interface.
   */
  readonly wire?: number;
  /** That network's addresses; QEMU's default is `10.0.2.0/24`. The prefix is at least 4 bits long. */
  readonly network?: string;
  /** Additional addresses in that network that answer. */
  readonly services?: readonly Service[];
  /** Isolates that network: the guest reaches QEMU only, not the host's network. */
  readonly isolated?: boolean;
}

/** A program that QEMU runs for each connection to an address of the guest's network. It uses stdin and stdout. */
export interface Service {
  readonly address: string;
  readonly port: number;
  readonly command: readonly string[];
}

/**
 * The first card with a network of its own gets the port forwards. Its DHCP server names `bootFile`, if there is one,
 * for a network boot.
 */
export function nicArguments(nics: readonly Nic[], forwards: readonly Forward[], bootFile?: string): string[] {
  const reachable = nics.findIndex(({ hub, wire }) => hub === undefined && wire === undefined);
  return nics.flatMap((nic, index) => {
    const id = netdevOf(index);
    const mac = nic.mac === undefined ? "" : `,mac=${nic.mac}`;
    const boots = bootFile !== undefined && index === reachable;
    const first = boots ? ",bootindex=0" : "";
    const { model = "virtio-net-pci" } = nic;
    const controller = model.startsWith("usb-") ? ["-device", `qemu-xhci,id=${id}-usb`] : [];
    const bus = model.startsWith("usb-") ? `,bus=${id}-usb.0` : "";
    const device = [...controller, "-device", `${model},netdev=${id}${bus}${mac}${first}`];
    if (nic.hub !== undefined) return ["-netdev", `hubport,id=${id},hubid=${nic.hub}`, ...device];
    if (nic.wire !== undefined)
      return ["-netdev", `socket,id=${id},mcast=230.0.0.1:${nic.wire},localaddr=127.0.0.1`, ...device];
    const parts = [
      `user,id=${id}`,
      ...(nic.network === undefined ? [] : [`net=${nic.network}`]),
      ...(nic.isolated ? ["restrict=on"] : []),
      ...(boots ? [`bootfile=${bootFile.replaceAll(",", ",,")}`] : []),
      ...(index === reachable ? forwards.map(forward) : []),
      ...(nic.services ?? []).map(service),
    ];
    return ["-netdev", parts.join(","), ...device];
  });
}

/** What QEMU calls the card with that index. */
export function netdevOf(index: number): string {
  return index === 0 ? "net" : `net${index}`;
}

function forward({ host, guest }: Forward): string {
  return `hostfwd=tcp:127.0.0.1:${host}-:${guest}`;
}

function service({ address, port, command }: Service): string {
  return `guestfwd=tcp:${address}:${port}-cmd:${command.join(" ").replaceAll(",", ",,")}`;
}
