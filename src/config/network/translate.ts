/**
 * Translates cloud-init's network-config to a tree of `k3os.network`. Version 2 is nearly the same. Version 1 is a list
 * of devices with subnets; some clouds and many NoCloud volumes have it. Places in the text are kept, so that problems
 * point to it.
 */
import type { Finding } from "../problem.ts";
import { type Dict, type Entry, type List, type Scalar, type Span, scalar, type Tree } from "../tree.ts";

export interface Translated {
  readonly tree: Tree | undefined;
  readonly findings: readonly Finding[];
}

/** Translates a tree; the result has none if the text was empty. Never throws. */
export function translateNetworkConfig(tree: Tree | undefined): Translated {
  const inner = tree?.type === "dict" ? (get(tree, "network") ?? tree) : tree;
  if (inner === undefined || (inner.type === "scalar" && inner.text === "")) return { tree: undefined, findings: [] };
  if (inner.type !== "dict") return refuse(inner.span, "expected a map with `version`, got something else");
  if (textOf(get(inner, "config")) === "disabled") return { tree: undefined, findings: [] };
  const version = get(inner, "version");
  if (textOf(version) === "1") return ofVersion1(inner);
  if (textOf(version) === "2") return { tree: wrapped(inner), findings: [] };
  return refuse((version ?? inner).span, "expected version 1 or 2 of network-config");
}

function refuse(span: Span, message: string): Translated {
  return { tree: undefined, findings: [{ weight: "error", span, path: "", message }] };
}

function wrapped(network: Dict): Tree {
  const { span } = network;
  const k3os: Dict = { type: "dict", span, entries: [{ key: "network", keySpan: span, value: network }] };
  return { type: "dict", span, entries: [{ key: "k3os", keySpan: span, value: k3os }] };
}

const GROUPS: Readonly<Record<string, string>> = {
  physical: "ethernets",
  bond: "bonds",
  bridge: "bridges",
  vlan: "vlans",
};

function ofVersion1(config: Dict): Translated {
  const findings: Finding[] = [];
  const groups = new Map<string, Entry[]>();
  const put = (group: string, entry: Entry) => groups.set(group, [...(groups.get(group) ?? []), entry]);
  const routes: Tree[] = [];
  for (const item of itemsOf(get(config, "config"))) {
    if (item.type !== "dict") continue;
    const type = textOf(get(item, "type")) ?? "";
    const group = GROUPS[type];
    if (group !== undefined) put(group, device(item, type));
    else if (type === "nameserver")
      put("nameservers", { key: "nameservers", keySpan: item.span, value: servers(item) });
    else if (type === "route") routes.push(route(item));
    else if (type !== "loopback") {
      const message = `expected a device, got ${JSON.stringify(type)}, which this version does not know`;
      findings.push({ weight: "ignored", span: item.span, path: "", message });
    }
  }
  const entries = [...groups].map(([key, values]): Entry => {
    const value: Dict = { type: "dict", span: config.span, entries: values };
    return { key, keySpan: config.span, value: key === "nameservers" ? joined(values) : value };
  });
  if (routes.length > 0) entries.push(entryOf("routes", { type: "list", items: routes, span: config.span }));
  return { tree: wrapped({ type: "dict", span: config.span, entries }), findings };
}

/** One device of the list: its own keys, then the keys from its subnets. */
function device(item: Dict, type: string): Entry {
  const name = get(item, "name") ?? scalar("", item.span);
  const entries: Entry[] = [];
  const mac = get(item, "mac_address");
  if (mac !== undefined && type === "physical") {
    entries.push(entryOf("match", { type: "dict", span: mac.span, entries: [entryOf("macaddress", mac)] }));
    if (textOf(name) !== "") entries.push(entryOf("set_name", name));
  } else if (mac !== undefined) entries.push(entryOf("macaddress", mac));
  for (const [from, to] of [
    ["mtu", "mtu"],
    ["accept-ra", "accept_ra"],
    ["bond_interfaces", "interfaces"],
    ["bridge_interfaces", "interfaces"],
    ["vlan_link", "link"],
    ["vlan_id", "id"],
  ] as const) {
    const value = get(item, from);
    if (value !== undefined) entries.push(entryOf(to, to === "accept_ra" ? flagOf(value) : value));
  }
  const parameters = get(item, "params");
  if (parameters?.type === "dict") entries.push(entryOf("parameters", parametersOf(parameters)));
  entries.push(...subnets(itemsOf(get(item, "subnets")), item.span));
  return { key: textOf(name) ?? "", keySpan: name.span, value: { type: "dict", span: item.span, entries } };
}

/** ifupdown's names of the parameters, with `_` or `-`. */
const PARAMETERS: Readonly<Record<string, string>> = {
  "bond-mode": "mode",
  "bond-miimon": "mii_monitor_interval",
  "bond-lacp-rate": "lacp_rate",
  "bond-xmit-hash-policy": "transmit_hash_policy",
  "bond-primary": "primary",
  "bridge-stp": "stp",
};

function parametersOf(parameters: Dict): Dict {
  const entries = parameters.entries.flatMap(({ key, keySpan, value }) => {
    const to = PARAMETERS[key.replaceAll("_", "-")];
    if (to === undefined) return [];
    return [{ key: to, keySpan, value: to === "stp" ? flagOf(value) : numbered(to, value) }];
  });
  return { ...parameters, entries };
}

/** Names of values, by the kernel's numbers. */
const NUMBERED: Readonly<Record<string, readonly string[]>> = {
  mode: ["balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"],
  lacp_rate: ["slow", "fast"],
};

function numbered(key: string, value: Tree): Tree {
  const name = NUMBERED[key]?.[Number(textOf(value))];
  return name === undefined || !/^\d$/.test(textOf(value) ?? "") ? value : scalar(name, value.span);
}

function subnets(all: readonly Tree[], span: Span): Entry[] {
  const flags = new Set<string>();
  const addresses: Tree[] = [];
  const routes: Tree[] = [];
  const dns: Tree[] = [];
  const search: Tree[] = [];
  for (const subnet of all) {
    if (subnet.type !== "dict") continue;
    const type = textOf(get(subnet, "type")) ?? "";
    if (/^dhcp4?$/.test(type)) flags.add("dhcp4");
    else if (/^(dhcp6|ipv6_dhcpv6.*|ipv6_slaac)$/.test(type)) flags.add("dhcp6");
    const address = get(subnet, "address");
    if (address !== undefined && /^static6?$/.test(type)) addresses.push(withPrefix(address, get(subnet, "netmask")));
    const gateway = get(subnet, "gateway");
    if (gateway !== undefined) routes.push(routeTo(scalar("default", gateway.span), gateway));
    routes.push(...itemsOf(get(subnet, "routes")).map((one) => (one.type === "dict" ? route(one) : one)));
    dns.push(...wordsOf(get(subnet, "dns_nameservers")));
    search.push(...wordsOf(get(subnet, "dns_search")));
  }
  const list = (items: readonly Tree[]): List => ({ type: "list", items, span });
  const nameservers = [
    ...(dns.length > 0 ? [entryOf("addresses", list(dns))] : []),
    ...(search.length > 0 ? [entryOf("search", list(search))] : []),
  ];
  return [
    ...[...flags].map((flag) => entryOf(flag, scalar("true", span, true))),
    ...(addresses.length > 0 ? [entryOf("addresses", list(addresses))] : []),
    ...(routes.length > 0 ? [entryOf("routes", list(routes))] : []),
    ...(nameservers.length > 0 ? [entryOf("nameservers", { type: "dict", entries: nameservers, span })] : []),
  ];
}

function route(item: Dict): Dict {
  const network = get(item, "network") ?? get(item, "destination") ?? scalar("", item.span);
  const gateway = get(item, "gateway") ?? get(item, "via") ?? scalar("", item.span);
  const prefix = get(item, "netmask") ?? get(item, "prefix");
  const metric = get(item, "metric");
  const to =
    /^(0\.0\.0\.0|::)$/.test(textOf(network) ?? "") && isZero(textOf(prefix))
      ? scalar("default", network.span)
      : withPrefix(network, prefix);
  const plain = routeTo(to, gateway);
  return metric === undefined ? plain : { ...plain, entries: [...plain.entries, entryOf("metric", metric)] };
}

function isZero(prefix: string | undefined): boolean {
  return /^(0|0\.0\.0\.0|::)$/.test(prefix ?? "0");
}

function routeTo(to: Tree, via: Tree): Dict {
  return { type: "dict", span: via.span, entries: [entryOf("to", to), entryOf("via", via)] };
}

function servers(item: Dict): Dict {
  const entries = (["address", "search"] as const).flatMap((key) => {
    const words = wordsOf(get(item, key));
    const list: List = { type: "list", items: words, span: item.span };
    return words.length === 0 ? [] : [entryOf(key === "address" ? "addresses" : "search", list)];
  });
  return { type: "dict", span: item.span, entries };
}

/** Merges several entries of name servers. */
function joined(entries: readonly Entry[]): Dict {
  const inner = entries.flatMap(({ value }) => (value.type === "dict" ? value.entries : []));
  const span = entries[0]?.keySpan ?? { start: 0, end: 0 };
  const keys = [...new Set(inner.map(({ key }) => key))];
  return {
    type: "dict",
    span,
    entries: keys.map((key) => {
      const items = inner.filter((entry) => entry.key === key).flatMap(({ value }) => itemsOf(value));
      return entryOf(key, { type: "list", items, span });
    }),
  };
}

/** Joins `10.0.0.5` and `255.255.255.0`, or `24`, to `10.0.0.5/24`. */
function withPrefix(address: Tree, netmask: Tree | undefined): Tree {
  const text = textOf(address);
  const mask = textOf(netmask);
  if (text === undefined || mask === undefined || text.includes("/")) return address;
  return scalar(`${text}/${prefixLength(mask) ?? mask}`, address.span);
}

/** `255.255.255.0` and `24` are 24, `ffff:ffff::` is 32; `undefined` if it is no mask. */
export function prefixLength(mask: string): number | undefined {
  if (/^\d{1,3}$/.test(mask)) return Number(mask);
  const bits = mask.includes(":")
    ? (/^([\da-f]{1,4}:?)*:?:?$/i.test(mask) ? (mask.split("::")[0] ?? "") : "x")
        .split(":")
        .map((part) =>
          Number.parseInt(part || "0", 16)
            .toString(2)
            .padStart(16, "0"),
        )
        .join("")
    : mask
        .split(".")
        .map((part) => Number(part).toString(2).padStart(8, "0"))
        .join("");
  return /^1*0*$/.test(bits) ? bits.replaceAll("0", "").length : undefined;
}

function get(dict: Dict, name: string): Tree | undefined {
  const wanted = name.replaceAll("_", "-");
  return dict.entries.findLast(({ key }) => key.replaceAll("_", "-") === wanted)?.value;
}

function textOf(tree: Tree | undefined): string | undefined {
  return tree?.type === "scalar" ? tree.text : undefined;
}

function itemsOf(tree: Tree | undefined): readonly Tree[] {
  return tree === undefined ? [] : tree.type === "list" ? tree.items : [tree];
}

/** The words of a list, or of a text. */
function wordsOf(tree: Tree | undefined): Scalar[] {
  return itemsOf(tree).flatMap((item) =>
    item.type === "scalar"
      ? item.text
          .split(/\s+/)
          .filter((word) => word !== "")
          .map((word) => scalar(word, item.span))
      : [],
  );
}

/** `1` and `0` mean true and false in version 1. */
function flagOf(tree: Tree): Tree {
  const text = textOf(tree);
  return text === "1" || text === "0" ? scalar(String(text === "1"), tree.span, true) : tree;
}

function entryOf(key: string, value: Tree): Entry {
  return { key, keySpan: value.span, value };
}
