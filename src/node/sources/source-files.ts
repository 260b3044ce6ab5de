import { parentOf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { doAll } from "../failure.ts";
import { RUN_CONFIG } from "../places.ts";

/** What a data source says: files of `/run/config`, by name. */
export type SourceFiles = Readonly<Partial<Record<SourceFile, string | Uint8Array>>>;

/** As old k3OS named them, and what came later: NoCloud's meta-data, and the network-config of all that have one. */
type SourceFile = "userdata" | "local_hostname" | "ssh/authorized_keys" | "meta-data" | "network-config";

export const SOURCE_FILES: readonly SourceFile[] = [
  "userdata",
  "local_hostname",
  "ssh/authorized_keys",
  "meta-data",
  "network-config",
];

/** Writes what a data source says below `directory`, readable by root only, since user data holds tokens. */
export async function store(host: Host, files: SourceFiles, directory: string = RUN_CONFIG): Promise<void> {
  host.mkdir(directory, { mode: 0o700 });
  await doAll(
    SOURCE_FILES.map((name) => () => {
      const content = files[name];
      if (content === undefined) return;
      const path = `${directory}/${name}`;
      host.mkdir(parentOf(path), { mode: 0o700 });
      host.write(path, content, { mode: 0o600 });
    }),
  );
}

/** What `store` left in a directory. */
export function stored(host: Host, directory: string): SourceFiles {
  const names = SOURCE_FILES.filter((name) => host.stat(`${directory}/${name}`)?.type === "file");
  return Object.fromEntries(names.map((name) => [name, host.read(`${directory}/${name}`)]));
}
