/** Finds the card of the machine that each entry of `ethernets` means. */
import { matches } from "./names.ts";
import type { Common, Ethernet, Network } from "./schema.ts";

/** A network interface as the kernel has it. */
export interface Interface {
  readonly name: string;
  /** Its permanent address. A card in a bond temporarily has another one. */
  readonly mac: string;
  /** The driver of a card. An interface without one was made by software. */
  readonly driver?: string | undefined;
  /** Where the card is plugged in, as udev names it (ID_PATH): `pci-0000:01:00.0`. */
  readonly path?: string | undefined;
}

/** An existing or future interface, and its config. */
export interface Device {
  readonly name: string;
  readonly config: Common;
}

export interface Card extends Device {
  /** The key in `ethernets`. */
  readonly key: string;
  readonly was: string;
}

/** Matches cards with entries. A card belongs to the first entry that matches it. */
export function findCards({ ethernets = {} }: Network, interfaces: readonly Interface[], problems: string[]): Card[] {
  const taken = new Set<string>();
  return Object.entries(ethernets).flatMap(([key, config]) => {
    const free = interfaces.filter(({ name }) => !taken.has(name));
    const meant = free.filter((one) => isMeant(key, config, one));
    const found = meant.length > 0 ? meant : free.filter((one) => wasMeant(config, one));
    for (const { name } of found) taken.add(name);
    if (found.length === 0) {
      const cards = interfaces.filter(({ driver }) => driver !== undefined);
      const had = cards.map(describe).join(", ");
      problems.push(`ethernets.${key}: no interface matches; this machine has ${had || "no network card"}`);
    }
    if (config.set_name !== undefined && found.length > 1)
      problems.push(`ethernets.${key}: set_name is for one card, and ${found.length} match`);
    const named = config.set_name !== undefined && found.length === 1 ? config.set_name : undefined;
    return found.map(({ name }) => ({ key, was: name, name: named ?? name, config }));
  });
}

/** What a `match` may say of the card. */
function describe({ name, mac, driver, path }: Interface): string {
  return `${name} (${[mac, driver, path].filter((one) => one !== undefined).join(", ")})`;
}

function isMeant(key: string, { match = {} }: Ethernet, { name, mac, driver, path }: Interface): boolean {
  if (Object.keys(match).length === 0) return name === key;
  if (driver === undefined) return false;
  return (
    (match.name === undefined || matches(match.name, name)) &&
    (match.macaddress === undefined || match.macaddress.toLowerCase() === mac.toLowerCase()) &&
    (match.driver === undefined || matches(match.driver, driver)) &&
    (match.path === undefined || (path !== undefined && matches(match.path, path)))
  );
}

/** Whether the card already has the name or MAC address that the entry sets. */
function wasMeant({ set_name, macaddress }: Ethernet, { name, mac, driver }: Interface): boolean {
  return driver !== undefined && (name === set_name || mac.toLowerCase() === macaddress?.toLowerCase());
}
