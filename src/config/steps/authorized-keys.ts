import { digestOf } from "../digest.ts";
import type { StepKind } from "./kind.ts";

/** sshd reads these files in addition to a user's own ~/.ssh/authorized_keys (os/rootfs/etc/ssh/sshd_config). */
const AUTHORIZED_KEYS = "/etc/ssh/authorized_keys.d";
/** Fetched keys, for boots without network: one file for each URL. */
const FETCHED = "/var/lib/rancher/k3os/authorized-keys";

/** The file holds only keys of the config, so that a key which is removed from the config is removed from the node. */
export const authorizedKeys: StepKind<"authorized-keys"> = {
  describe: ({ user, keys }) => {
    if (keys.length === 0) return `let keys that were fetched before log in as ${user}`;
    return `let ${keys.length === 1 ? "1 key" : `${keys.length} keys`} log in as ${user}`;
  },
  files: ({ user, keys, urls }, read) => {
    const fetched = urls.flatMap((url) => (read(fetchedKeysPath(url)) ?? "").split("\n").filter((line) => line !== ""));
    const content = [...new Set([...keys, ...fetched])].map((line) => `${line}\n`).join("");
    return [{ path: `${AUTHORIZED_KEYS}/${user}`, content, mode: 0o644 }];
  },
};

/** Where the keys of a URL are kept. */
export function fetchedKeysPath(url: string): string {
  return `${FETCHED}/${digestOf(url)}`;
}
