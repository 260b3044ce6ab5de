import { K3osError } from "../../errors.ts";
import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { CURRENT } from "../../image/disk.ts";
import { formatBytes } from "../format-bytes.ts";
import { COPIES, STATE } from "../places.ts";
import { freeBytes } from "../slots/room.ts";

/** Where a server with SQLite keeps its objects. */
const DATASTORE = "/var/lib/rancher/k3s/server/db";
/** The database, and what is committed and not yet in it. SQLite makes the index of the latter anew. */
const FILES = ["state.db", "state.db-wal"] as const;

/** Names the copy that the next boot puts in the place of the datastore. */
const RESTORE = `${COPIES}/restore`;
const KEPT = 2;
/** Bytes that stay free beside a copy. */
const RESERVE = 64 << 20;

/** A copy of the datastore. */
export interface DatastoreCopy {
  /** Of its directory: that of the image that wrote it, `<version>-<digest8>`. */
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Digest of the image that was on trial. */
  readonly before: string;
}

/**
 * Copies the datastore before an image on trial changes it. Nothing runs yet that writes to it, so plain files are a
 * consistent copy. Another try of the same image finds the copy of the first one. Throws if there is no room: without a
 * copy there is no trial.
 */
export async function copyDatastore(host: Host, candidate: string): Promise<void> {
  const files = FILES.filter((file) => host.stat(`${DATASTORE}/${file}`) !== undefined);
  if (files.length === 0) return;
  const known = datastoreCopies(host);
  if (known.some(({ before }) => before === candidate)) return;
  const name = host.stat(`${STATE}${CURRENT}`)?.type === "link" ? host.readLink(`${STATE}${CURRENT}`) : "unknown";
  // The oldest ones go first, so that they make room.
  for (const copy of known.slice(KEPT - 1)) host.remove(`${COPIES}/${copy.name}`);
  const size = files.reduce((sum, file) => sum + (host.stat(`${DATASTORE}/${file}`)?.size ?? 0), 0);
  const free = await freeBytes(host, STATE);
  if (free < size + RESERVE) {
    throw new K3osError(
      "host",
      `there is no room for a copy of the datastore: it has ${formatBytes(size)}, and ${formatBytes(free)} are free`,
    );
  }
  const part = `${COPIES}/${name}.part`;
  host.remove(part);
  host.mkdir(part, { mode: 0o700 });
  for (const file of files) await run(host, ["cp", `${DATASTORE}/${file}`, `${part}/${file}`]);
  const note: Omit<DatastoreCopy, "name"> = { at: host.now(), before: candidate };
  host.write(`${part}/copy.json`, `${JSON.stringify(note)}\n`);
  await run(host, ["sync", "-f", part]);
  host.remove(`${COPIES}/${name}`);
  host.rename(part, `${COPIES}/${name}`);
  await run(host, ["sync", "-f", COPIES]);
}

/** The copies of the datastore, the newest first. */
export function datastoreCopies(host: Host): DatastoreCopy[] {
  if (host.stat(COPIES) === undefined) return [];
  const copies = host.list(COPIES).flatMap((name) => {
    const note = name.endsWith(".part") ? undefined : readTextIf(host, `${COPIES}/${name}/copy.json`);
    return note === undefined ? [] : [{ name, ...(JSON.parse(note) as Omit<DatastoreCopy, "name">) }];
  });
  return copies.sort((a, b) => b.at - a.at);
}

/** Makes the next boot put this copy in the place of the datastore. */
export async function requestRestore(host: Host, { name }: DatastoreCopy): Promise<void> {
  host.write(RESTORE, `${name}\n`);
  await run(host, ["sync", "-f", COPIES]);
}

/**
 * Puts a copy in the place of the datastore, if somebody asked for it. What was there is kept beside the copies. A
 * power cut in between makes the next boot start over.
 */
export async function restoreDatastore(host: Host): Promise<void> {
  const name = readTextIf(host, RESTORE)?.trim();
  if (name === undefined) return;
  const replaced = `${COPIES}/replaced`;
  if (host.stat(`${replaced}/complete`) === undefined) {
    host.remove(replaced);
    host.mkdir(replaced, { mode: 0o700 });
    for (const file of FILES) {
      if (host.stat(`${DATASTORE}/${file}`)) await run(host, ["cp", `${DATASTORE}/${file}`, `${replaced}/${file}`]);
    }
    await run(host, ["sync", "-f", replaced]);
    host.write(`${replaced}/complete`, "");
  }
  for (const file of [...FILES, "state.db-shm"]) host.remove(`${DATASTORE}/${file}`);
  for (const file of FILES) {
    const from = `${COPIES}/${name}/${file}`;
    if (host.stat(from)) await run(host, ["cp", from, `${DATASTORE}/${file}`]);
  }
  await run(host, ["sync", "-f", DATASTORE]);
  host.remove(RESTORE);
  host.remove(`${replaced}/complete`);
  await run(host, ["sync", "-f", COPIES]);
}
