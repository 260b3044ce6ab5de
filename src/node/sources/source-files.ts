import { parentOf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { doAll } from "../failure.ts";
import { RUN_CONFIG } from "../places.ts";

/** What a data source returned: files of `/run/config`, by name. */
export type SourceFiles = Readonly<Partial<Record<SourceFile, string | Uint8Array>>>;

/**
 * The names of old k3OS, and two newer ones: NoCloud's meta-data, and the network-config of every source that has one.
 */
type SourceFile = "userdata" | "local_hostname" | "ssh/authorized_keys" | "meta-data" | "network-config";

export const SOURCE_FILES: readonly SourceFile[] = [
  "userdata",
  "local_hostname",
  "ssh/authorized_keys",
  "meta-data",
  "network-config",
];

/** Writes the files of a data source below `directory`, readable by root only, since user data holds tokens. */
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

/** The files that `store` wrote to a directory. */
export function stored(host: Host, directory: string): SourceFiles {
  const names = SOURCE_FILES.filter((name) => host.stat(`${directory}/${name}`)?.type === "file");
  return Object.fromEntries(names.map((name) => [name, host.read(`${directory}/${name}`)]));
}
