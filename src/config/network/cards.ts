/** Which card of the machine each entry of `ethernets` means. */
import { matches } from "./names.ts";
import type { Common, Ethernet, Network } from "./schema.ts";

/** A network interface as the kernel has it. */
export interface Interface {
  readonly name: string;
  /** Its own: a card in a bond has another one for the time being. */
  readonly mac: string;
  /** Of a card; what has none was made by software. */
  readonly driver?: string | undefined;
}

/** An interface that is or will be, and what the config says about it. */
export interface Device {
  readonly name: string;
  readonly config: Common;
}

export interface Card extends Device {
  /** In `ethernets`. */
  readonly key: string;
  readonly was: string;
}

/** Each card is configured once: by the first entry that it matches. */
export function findCards({ ethernets = {} }: Network, own: readonly Interface[], problems: string[]): Card[] {
  const taken = new Set<string>();
  return Object.entries(ethernets).flatMap(([key, config]) => {
    const free = own.filter(({ name }) => !taken.has(name));
    const meant = free.filter((one) => isMeant(key, config, one));
    const found = meant.length > 0 ? meant : free.filter((one) => wasMeant(config, one));
    for (const { name } of found) taken.add(name);
    if (found.length === 0) {
      const cards = own.filter(({ driver }) => driver !== undefined);
      const had = cards.map(({ name, mac, driver }) => `${name} (${mac}, ${driver})`).join(", ");
      problems.push(`ethernets.${key}: no interface matches; this machine has ${had || "no network card"}`);
    }
    if (config.set_name !== undefined && found.length > 1)
      problems.push(`ethernets.${key}: set_name is for one card, and ${found.length} match`);
    const named = config.set_name !== undefined && found.length === 1 ? config.set_name : undefined;
    return found.map(({ name }) => ({ key, was: name, name: named ?? name, config }));
  });
}

function isMeant(key: string, { match = {} }: Ethernet, { name, mac, driver }: Interface): boolean {
  if (Object.keys(match).length === 0) return name === key;
  if (driver === undefined) return false;
  return (
    (match.name === undefined || matches(match.name, name)) &&
    (match.macaddress === undefined || match.macaddress.toLowerCase() === mac.toLowerCase()) &&
    (match.driver === undefined || matches(match.driver, driver))
  );
}

/** Whether it is a card that has got the name or the MAC address that it shall have. */
function wasMeant({ set_name, macaddress }: Ethernet, { name, mac, driver }: Interface): boolean {
  return driver !== undefined && (name === set_name || mac.toLowerCase() === macaddress?.toLowerCase());
}
