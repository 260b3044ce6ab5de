import type { Config } from "./index.ts";

const PORTS = { postgres: 5432, postgresql: 5432, mysql: 3306 } as const;

/**
 * Where the database is that servers share, as `HOST:PORT`: of `--datastore-endpoint`, or of its variable. User and
 * password are left out. `undefined` where k3s keeps its objects itself.
 */
export function databaseOf({ k3os }: Pick<Config, "k3os">): string | undefined {
  const { environment, k3s_args = [] } = k3os ?? {};
  // A flag's value is in its own word or in the next one.
  const given = /(?:^| )--?datastore-endpoint(?:=|\s+)(\S+)/.exec(k3s_args.join(" "))?.[1];
  const endpoint = (given ?? environment?.K3S_DATASTORE_ENDPOINT ?? "").replace(/^["']|["']$/g, "");
  const [, scheme, rest = ""] = /^(postgres|postgresql|mysql):\/\/(.*)$/.exec(endpoint) ?? [];
  if (scheme === undefined) return undefined;
  // MySQL's has its address in parentheses, behind the name of the protocol.
  const [, inside] = /@\w+\(([^()]*)\)/.exec(rest) ?? [];
  const address = inside ?? rest.replace(/[/?].*$/, "").replace(/^.*@/, "");
  return /:\d+$/.test(address) ? address : `${address}:${PORTS[scheme as keyof typeof PORTS]}`;
}
