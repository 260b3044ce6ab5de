/** Commands for `ip -batch`. */
import type { Card, Device } from "./cards.ts";
import type { Common, Network, Route } from "./schema.ts";

/** Resolves a list of keys and names to names of interfaces. `owner` has the list. */
type References = (owner: string, wanted: readonly string[]) => readonly string[];

/** Makes bonds, bridges and VLANs that are not `there` yet, and adds their members. */
export function makeCommands(network: Network, there: ReadonlySet<string>, references: References): string[] {
  const { bonds = {}, bridges = {}, vlans = {} } = network;
  const add = (name: string, line: string) => (there.has(name) ? [] : [line]);
  return [
    ...Object.entries(bonds).flatMap(([name, { parameters = {} }]) =>
      add(name, `link add name ${name} type bond${bondOptions(parameters)}`),
    ),
    ...Object.entries(bridges).flatMap(([name, { parameters }]) =>
      add(
        name,
        `link add name ${name} type bridge stp_state ${parameters?.stp ? "1 forward_delay 400" : "0 forward_delay 0"}`,
      ),
    ),
    ...Object.entries(vlans).flatMap(([name, { id, link }]) =>
      references(name, [link])
        .slice(0, 1)
        .flatMap((parent) => [
          `link set dev ${parent} up`,
          ...add(name, `link add link ${parent} name ${name} type vlan id ${id}`),
        ]),
    ),
    // A card that is up cannot join a bond.
    ...Object.entries(bonds).flatMap(([name, { interfaces: members, parameters }]) => [
      ...references(name, members).flatMap((member) => [
        `link set dev ${member} down`,
        `link set dev ${member} master ${name}`,
      ]),
      ...(parameters?.primary === undefined
        ? []
        : references(name, [parameters.primary]).map((primary) => `link set dev ${name} type bond primary ${primary}`)),
    ]),
    ...Object.entries(bridges).flatMap(([name, { interfaces: members = [] }]) =>
      references(name, members).flatMap((member) => [
        `link set dev ${member} master ${name}`,
        `link set dev ${member} up`,
      ]),
    ),
  ];
}

/**
 * Renames cards. If another card still has the wanted name, an intermediate name is used, because two cards may swap
 * names.
 */
export function renameCommands(cards: readonly Card[], there: ReadonlySet<string>): string[] {
  const renamed = cards.filter(({ was, name }) => was !== name);
  const detours = renamed.map((card, index) => ({ ...card, by: there.has(card.name) ? `k3os-${index}` : undefined }));
  return [
    ...renamed.map(({ was }) => `link set dev ${was} down`),
    ...detours.flatMap(({ was, by }) => (by === undefined ? [] : [`link set dev ${was} name ${by}`])),
    ...detours.map(({ was, by = was, name }) => `link set dev ${by} name ${name}`),
  ];
}

function bondOptions(parameters: NonNullable<NonNullable<Network["bonds"]>[string]["parameters"]>): string {
  const { mode = "balance-rr", mii_monitor_interval = "100", lacp_rate, transmit_hash_policy } = parameters;
  return [
    ` mode ${mode} miimon ${mii_monitor_interval}`,
    ...(lacp_rate === undefined ? [] : [` lacp_rate ${lacp_rate}`]),
    ...(transmit_hash_policy === undefined ? [] : [` xmit_hash_policy ${transmit_hash_policy}`]),
  ].join("");
}

export function upCommands({ name, config }: Device): string[] {
  return [
    ...(config.macaddress === undefined ? [] : [`link set dev ${name} address ${config.macaddress}`]),
    ...(config.mtu === undefined ? [] : [`link set dev ${name} mtu ${config.mtu}`]),
    `link set dev ${name} up`,
  ];
}

/** Removes addresses that are not in the config, unless DHCP may have set them. */
export function addressCommands({ name, config }: Device): string[] {
  const flush = isStatic(config) ? [`address flush dev ${name} scope global`] : [];
  const add = (config.addresses ?? []).map((address) =>
    address.includes(":")
      ? `address replace ${address} dev ${name}`
      : `address replace ${address} ${/\/3[12]$/.test(address) ? "" : "broadcast + "}dev ${name}`,
  );
  return [...flush, ...add];
}

export function routeCommands(network: Network, devices: readonly Device[]): string[] {
  return routesOf(network, devices).map(({ text, onLink }) => `route replace ${text}${onLink ? " onlink" : ""}`);
}

/** Removes addresses and routes of `before` that are not in `now`. The kernel removes those of a deleted interface. */
export function removalCommands(before: Wanted, now: Wanted): string[] {
  const without = (all: readonly string[], kept: readonly string[]) => all.filter((one) => !kept.includes(one));
  const routes = (wanted: Wanted) => routesOf(wanted.network, wanted.devices).map(({ text }) => text);
  return [
    ...without(routes(before), routes(now)).map((route) => `route delete ${route}`),
    ...without(addressesOf(before.devices), addressesOf(now.devices)).map((address) => `address delete ${address}`),
  ];
}

/** A network, and its interfaces on this machine. */
export interface Wanted {
  readonly network: Network;
  readonly devices: readonly Device[];
}

function addressesOf(devices: readonly Device[]): string[] {
  return devices.flatMap(({ name, config }) => (config.addresses ?? []).map((address) => `${address} dev ${name}`));
}

function routesOf(network: Network, devices: readonly Device[]): { text: string; onLink: boolean }[] {
  const ofDevices = devices.flatMap(({ name, config: { gateway4, gateway6, routes = [] } }) => {
    const gateways = [gateway4, gateway6].flatMap((via) => (via === undefined ? [] : [{ to: "default", via }]));
    return [...gateways, ...routes].map((route) => routeOf(route, name));
  });
  return [...ofDevices, ...(network.routes ?? []).map((route) => routeOf(route))];
}

/** `::/0` instead of `default`, so that the family is explicit. */
function routeOf({ to, via, metric, on_link }: Route, device?: string): { text: string; onLink: boolean } {
  const destination = to === "default" ? (via.includes(":") ? "::/0" : "0.0.0.0/0") : to;
  const text = [
    `${destination} via ${via}`,
    ...(device === undefined ? [] : [` dev ${device}`]),
    ...(metric === undefined ? [] : [` metric ${metric}`]),
  ].join("");
  return { text, onLink: on_link === true };
}

/** Whether the interface has only the addresses of its config. */
function isStatic({ dhcp4, dhcp6, addresses = [] }: Common): boolean {
  return !dhcp4 && !dhcp6 && addresses.length > 0;
}
