/** Checks of the values of `k3os.network`. */
import type { Check, Complaint } from "../kinds.ts";
import { isIp, like } from "../values.ts";
import { isOfCluster } from "./names.ts";

const NAME_HINT = "at most 15 letters, digits, `.`, `_` and `-`, such as eth0";

/** Accepts the kernel's interface names, except those with confusing characters. */
export const linkName: Check = (name) => {
  if (isOfCluster(name)) {
    const hint = "Kubernetes makes and removes interfaces of that name itself";
    return { expected: "an interface that is not the cluster's", hint };
  }
  return /^[A-Za-z0-9][\w.-]{0,14}$/.test(name) ? undefined : { expected: "the name of an interface", hint: NAME_HINT };
};
/** The key of an entry without `match` is the name of an interface. */
export const ethernetKey: Check = (name) =>
  isOfCluster(name) ? linkName(name) : like(/^[\w.-]{1,64}$/, "the name of an interface", NAME_HINT)(name);

export const address: Check = (value) => {
  const [, ip = "", prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(value) ?? [];
  const bits = ip.includes(":") ? 128 : 32;
  if (isIp(ip) && prefix !== undefined && Number(prefix) <= bits) return undefined;
  const hint = isIp(value)
    ? `how large is its network? Such as ${value}/${bits === 128 ? 64 : 24}`
    : "such as 192.168.1.5/24 or 2001:db8::5/64";
  return { expected: "an address with the length of its prefix", hint };
};

export const destination: Check = (value) =>
  value === "default" || address(value) === undefined || isIp(value)
    ? undefined
    : { expected: "`default`, or a network", hint: "such as 10.0.0.0/8" };

export const macAddress = like(
  /^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$/,
  "a MAC address",
  "such as 52:54:00:12:34:56; in quotes, or YAML may take it for a number",
);
export const devicePath = like(
  /^[a-z*?]\S*$/,
  "the path of a device, with its bus",
  "such as pci-0000:01:00.0; `udevadm info` of other systems tells it as ID_PATH",
);
export function number(least: number, most: number): Check {
  const complaint = { expected: `a number from ${least} to ${most}` };
  const check = (value: string) =>
    /^\d{1,10}$/.test(value) && Number(value) >= least && Number(value) <= most ? undefined : complaint;
  return Object.assign(check, { range: [least, most] as const });
}
export const ofFamily =
  (six: boolean): Check =>
  (value) =>
    isIp(value) && value.includes(":") === six
      ? undefined
      : { expected: `an ${six ? "IPv6" : "IPv4"} address`, hint: `such as ${six ? "2001:db8::1" : "192.168.1.1"}` };
export const domain = like(/^[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?\.?$/, "a domain", "such as example.com");

export function sameFamily({ to, via }: Readonly<Record<string, unknown>>) {
  const six = (value: unknown) => String(value).includes(":");
  if (to === "default" || six(to) === six(via)) return undefined;
  return {
    key: "via",
    expected: `an ${six(to) ? "IPv6" : "IPv4"} address, as \`to\` is one`,
    got: JSON.stringify(via),
  };
}

/** An interface as written: any of its keys may be `null`. */
interface Written {
  readonly dhcp4?: boolean | null;
  readonly dhcp6?: boolean | null;
  readonly addresses?: readonly string[] | null;
  readonly interfaces?: readonly string[] | null;
}

/** A card may belong to one bond or bridge only, and then must not have addresses. */
export function checkReferences(
  value: Readonly<Record<string, unknown>>,
): (Complaint & { readonly key: string }) | undefined {
  type Group = Readonly<Record<string, Written | null>>;
  const { ethernets, bonds, bridges } = value as Readonly<Record<string, Group | null | undefined>>;
  const owners = new Map<string, string>();
  for (const [key, group] of Object.entries({ bonds, bridges })) {
    for (const [name, owning] of Object.entries(group ?? {})) {
      for (const member of owning?.interfaces ?? []) {
        const owner = owners.get(member);
        owners.set(member, name);
        const given = ethernets?.[member] ?? bonds?.[member];
        const own = given?.dhcp4 === true || given?.dhcp6 === true || (given?.addresses ?? []).length > 0;
        if (owner === undefined && !own) continue;
        const got = owner === undefined ? "one with addresses" : `one that \`${owner}\` has`;
        const hint =
          owner === undefined ? `addresses belong to \`${name}\`` : "an interface is part of one bond or bridge";
        return { key, expected: `\`${member}\` of \`${name}\` to be an interface that is free`, got, hint };
      }
    }
  }
  return undefined;
}
