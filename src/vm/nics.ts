/** Network cards of a machine, for QEMU's command line. Pure. */

/** A port of the host (on 127.0.0.1 only) that leads to one of the guest. */
export interface Forward {
  readonly host: number;
  readonly guest: number;
}

export interface Nic {
  readonly mac?: string;
  /** QEMU's model; virtio if not given. */
  readonly model?: string;
  /** Cards on the same hub hear each other and nobody else. Without one the card has a network of its own, with DHCP and NAT. */
  readonly hub?: number;
  /** That network's addresses, such as `10.0.2.0/24`, which QEMU takes if not told otherwise. At least a /4. */
  readonly network?: string;
  /** What else answers in it. */
  readonly services?: readonly Service[];
  /** Nothing but the guest and QEMU is in it: no way to the host's network. */
  readonly isolated?: boolean;
}

/** A program that QEMU runs for each connection to an address of the guest's network, talking on stdin and stdout. */
export interface Service {
  readonly address: string;
  readonly port: number;
  readonly command: readonly string[];
}

/** The first card that is not on a hub gets the forwards; if there is a `bootFile`, its DHCP names it, and the machine boots by it. */
export function nicArguments(nics: readonly Nic[], forwards: readonly Forward[], bootFile?: string): string[] {
  const reachable = nics.findIndex(({ hub }) => hub === undefined);
  return nics.flatMap((nic, index) => {
    const id = index === 0 ? "net" : `net${index}`;
    const mac = nic.mac === undefined ? "" : `,mac=${nic.mac}`;
    const boots = bootFile !== undefined && index === reachable;
    const first = boots ? ",bootindex=0" : "";
    const device = ["-device", `${nic.model ?? "virtio-net-pci"},netdev=${id}${mac}${first}`];
    if (nic.hub !== undefined) return ["-netdev", `hubport,id=${id},hubid=${nic.hub}`, ...device];
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

function forward({ host, guest }: Forward): string {
  return `hostfwd=tcp:127.0.0.1:${host}-:${guest}`;
}

function service({ address, port, command }: Service): string {
  return `guestfwd=tcp:${address}:${port}-cmd:${command.join(" ").replaceAll(",", ",,")}`;
}
