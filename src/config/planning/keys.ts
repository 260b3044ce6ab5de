import { digestOf } from "../digest.ts";
import type { Step } from "../plan.ts";
import type { ReadFile, RenderedFile } from "../render.ts";

/** What sshd reads beside a user's own ~/.ssh/authorized_keys (os/rootfs/etc/ssh/sshd_config). */
const AUTHORIZED_KEYS = "/etc/ssh/authorized_keys.d";
/** Keys that were fetched, for boots at which they cannot be: a file for each URL. */
const FETCHED = "/var/lib/rancher/k3os/authorized-keys";

/** Keys that are in the config, with those that were fetched before; then those to be fetched once there is a network. */
export function keySteps(user: string, entries: readonly string[]): Step[] {
  const lines = entries.flatMap((entry) => entry.split("\n").map((line) => line.trim()));
  const wanted = [...new Set(lines.filter((line) => line !== "" && !line.startsWith("#")))];
  const keys = wanted.filter((line) => remoteKeys(line) === undefined);
  const sources = wanted.flatMap((source) => {
    const url = remoteKeys(source);
    return url === undefined ? [] : [{ source, url }];
  });
  if (wanted.length === 0) return [];
  return [
    { phase: "boot", kind: "authorized-keys", user, keys, urls: sources.map(({ url }) => url) },
    ...(sources.length === 0 ? [] : [{ phase: "runtime", kind: "remote-keys", user, keys, sources } as const]),
  ];
}

/** The file of the config's keys for a user. It is the config's alone, so that a key which leaves the config leaves the node. */
export function authorizedKeys(
  { user, keys, urls }: { readonly user: string; readonly keys: readonly string[]; readonly urls: readonly string[] },
  read: ReadFile,
): RenderedFile {
  const fetched = urls.flatMap((url) => (read(fetchedKeysPath(url)) ?? "").split("\n").filter((line) => line !== ""));
  const lines = [...new Set([...keys, ...fetched])];
  return { path: `${AUTHORIZED_KEYS}/${user}`, content: lines.map((line) => `${line}\n`).join(""), mode: 0o644 };
}

/** Where the keys of a URL are kept. */
export function fetchedKeysPath(url: string): string {
  return `${FETCHED}/${digestOf(url)}`;
}

function remoteKeys(entry: string): string | undefined {
  const [, site, name] = /^(github|gitlab):([\w.-]+)$/.exec(entry) ?? [];
  if (site !== undefined) return `https://${site}.com/${name}.keys`;
  return /^https?:\/\//.test(entry) ? entry : undefined;
}
