import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { coldplug } from "./coldplug.ts";

const CARDS = "/sys/class/net";
/** Drivers, and the switch at the other end of the cable, need time. */
const LINK_MS = 30_000;

/**
 * Gets an address by DHCP on the card with the MAC address `preferred`, or else on the first card with a link and a
 * DHCP server. Returns the name of the card.
 */
export async function connect(host: Host, preferred: string | undefined): Promise<string> {
  const linked = await cardsWithLink(host, preferred);
  for (const card of linked) {
    const asked = ["udhcpc", "-f", "-q", "-n", "-i", card, "-t", "4", "-T", "2", "-s", "/etc/udhcpc.sh"];
    if ((await host.exec(asked)).status === 0) return card;
  }
  throw new K3osError("network", `no DHCP server answers on ${linked.join(", ")}`, {
    hint: "The card that the machine boots through needs a DHCP server for the initrd, too.",
  });
}

/** Resets the cards to their initial state. The node's configuration determines later how they are used. */
export async function disconnect(host: Host): Promise<void> {
  for (const card of cards(host)) {
    await run(host, ["ip", "address", "flush", "dev", card]);
    await run(host, ["ip", "link", "set", "dev", card, "down"]);
  }
  host.remove("/etc/resolv.conf");
}

async function cardsWithLink(host: Host, preferred: string | undefined): Promise<readonly string[]> {
  let known: ReadonlySet<string> = new Set();
  const up = new Set<string>();
  const deadline = host.monotonic() + LINK_MS;
  for (;;) {
    known = await coldplug(host, { known, modules: ["af_packet"] });
    for (const card of cards(host).filter((card) => !up.has(card))) {
      await run(host, ["ip", "link", "set", "dev", card, "up"]);
      up.add(card);
    }
    const late = host.monotonic() >= deadline;
    const linked = [...up].filter((card) => text(host, card, "carrier") === "1");
    const wanted = linked.filter((card) => text(host, card, "address") === preferred);
    if (wanted.length > 0) return wanted;
    if (linked.length > 0 && (preferred === undefined || late)) return linked;
    if (late) throw noLink(host);
    await host.sleep(100);
  }
}

function noLink(host: Host): K3osError {
  const found = cards(host);
  if (found.length > 0) return new K3osError("machine", `no network card has a link: ${found.join(", ")}`);
  return new K3osError("machine", "no network card was found", {
    hint: "Its driver must be in the image: `./k3os build --flavour metal` has those of real machines.",
  });
}

function cards(host: Host): string[] {
  return host.list(CARDS).filter((name) => host.stat(`${CARDS}/${name}/device`) !== undefined);
}

/**
 * An attribute of a card (Documentation/ABI/testing/sysfs-class-net). `carrier` can be read only when the card is up.
 */
function text(host: Host, card: string, name: "address" | "carrier"): string {
  return host.readText(`${CARDS}/${card}/${name}`).trim();
}
