import type { Host } from "../../host/host.ts";

/** Where data sources leave what they found, for the layers to read. */
export const RUN_CONFIG = "/run/config";

/** What a data source hands over: files of `/run/config`, by name. */
export type Handed = Readonly<Partial<Record<HandedFile, string | Uint8Array>>>;

/** As old k3OS named them, and what came later: NoCloud's meta-data, and the network-config of all that have one. */
export type HandedFile = "userdata" | "local_hostname" | "ssh/authorized_keys" | "meta-data" | "network-config";

export const HANDED_FILES: readonly HandedFile[] = [
  "userdata",
  "local_hostname",
  "ssh/authorized_keys",
  "meta-data",
  "network-config",
];

/** Writes what was handed over below `directory`, readable by root only, since user data holds tokens. */
export function store(host: Host, handed: Handed, directory: string = RUN_CONFIG): void {
  host.mkdir(directory, { mode: 0o700 });
  for (const name of HANDED_FILES) {
    const content = handed[name];
    if (content === undefined) continue;
    const path = `${directory}/${name}`;
    host.mkdir(path.slice(0, path.lastIndexOf("/")), { mode: 0o700 });
    host.write(path, content, { mode: 0o600 });
  }
}

/** What `store` left in a directory. */
export function stored(host: Host, directory: string): Handed {
  const names = HANDED_FILES.filter((name) => host.stat(`${directory}/${name}`)?.type === "file");
  return Object.fromEntries(names.map((name) => [name, host.read(`${directory}/${name}`)]));
}
