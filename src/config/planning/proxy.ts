import type { Config } from "../schema.ts";

/** Addresses that a node reaches without a proxy: its own, link-local and private ones. Other nodes are among them. */
const NEAR = [
  "localhost",
  "127.0.0.0/8",
  "::1",
  "169.254.0.0/16",
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "fc00::/7",
];

/** k3s's defaults, if its arguments do not say otherwise. */
const CLUSTER = { "cluster-cidr": "10.42.0.0/16", "service-cidr": "10.43.0.0/16", "cluster-domain": "cluster.local" };

/**
 * The environment variables that programs read a proxy from, in both spellings: curl reads `http_proxy` only in lower
 * case, other programs only upper case. The node's own addresses are not known yet; they are added when k3s starts.
 */
export function proxyVariables({ hostname, k3os = {} }: Config): Readonly<Record<string, string>> {
  const { http, https = http, no_proxy = [] } = k3os.proxy ?? {};
  if (http === undefined && https === undefined) return {};
  const args = k3os.k3s_args ?? [];
  const ranges = [argument(args, "cluster-cidr"), argument(args, "service-cidr")].flatMap((value) => value.split(","));
  const server = /^https:\/\/(\[[^\]]+\]|[^:/]+)/.exec(k3os.server_url ?? "")?.[1]?.replace(/[[\]]/g, "");
  const direct = [
    ...NEAR,
    ...ranges,
    ".svc",
    `.${argument(args, "cluster-domain")}`,
    ...(hostname === undefined ? [] : [hostname]),
    ...(server === undefined ? [] : [server]),
    ...no_proxy.flatMap((entry) => entry.split(",")),
  ];
  const variables = { http_proxy: http, https_proxy: https, no_proxy: [...new Set(direct)].join(",") };
  return Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) =>
      value === undefined
        ? []
        : [
            [name.toUpperCase(), value],
            [name, value],
          ],
    ),
  );
}

function argument(args: readonly string[], name: keyof typeof CLUSTER): string {
  const joined = args.find((arg) => arg.startsWith(`--${name}=`));
  const apart = args.indexOf(`--${name}`);
  return joined?.slice(name.length + 3) ?? (apart < 0 ? undefined : args[apart + 1]) ?? CLUSTER[name];
}
