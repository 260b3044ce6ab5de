import type { Step } from "../../config/index.ts";
import { K3osError } from "../../errors.ts";
import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { CURRENT, SYSTEM } from "../../image/disk.ts";
import { formatBytes } from "../format-bytes.ts";
import { COPIES, STATE } from "../places.ts";
import { readJournal, refusalOf } from "../slots/journal.ts";
import { freeBytes } from "../slots/room.ts";
import { runningSystem } from "../slots/running.ts";
import { isTrial } from "../slots/trial.ts";

/** Where a server with SQLite keeps its objects. */
const DATASTORE = "/var/lib/rancher/k3s/server/db";
/** The database, and what is committed and not yet in it. SQLite makes the index of the latter anew. */
const FILES = ["state.db", "state.db-wal"] as const;

/** Names the copy that the next boot of its image puts in the place of the datastore. */
const RESTORE = `${COPIES}/restore`;
/** What a restored datastore had in its place. */
const REPLACED = `${COPIES}/replaced`;
/** From the moment this exists, the copy takes the place of the datastore, whatever happens. */
const UNDER_WAY = `${REPLACED}/complete`;
const KEPT = 2;
/** Bytes that stay free beside a copy. */
const RESERVE = 64 << 20;

/** How k3s is started. */
export type K3s = Step & { readonly kind: "k3s" };

/** A copy of the datastore. */
export interface DatastoreCopy {
  /** Of its directory: that of the image that wrote it, `<version>-<digest8>`. */
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Digest of the image that was on trial. */
  readonly before: string;
  /** Which trial of it that was. */
  readonly trialId?: string;
}

/**
 * Copies the datastore before an image on trial changes it. Nothing runs yet that writes to it, so plain files are a
 * consistent copy. Another try of the same trial finds the copy of the first one; without a `trialId`, one of the same
 * image does, unless it was given up in between. Throws if there is no room: without a copy there is no trial.
 */
export async function copyDatastore(host: Host, candidate: string, trialId?: string): Promise<void> {
  const files = filesIn(host, DATASTORE);
  if (files.length === 0) return;
  const known = datastoreCopies(host);
  const givenUp = refusalOf(readJournal(host, STATE), candidate)?.at ?? 0;
  const isOfThis = (copy: DatastoreCopy) =>
    trialId === undefined ? copy.before === candidate && copy.at > givenUp : copy.trialId === trialId;
  if (known.some(isOfThis)) return;
  const name = host.stat(`${STATE}${CURRENT}`)?.type === "link" ? host.readLink(`${STATE}${CURRENT}`) : "unknown";
  await requireRoomForCopy(host);
  // The oldest ones go first, so that they make room.
  for (const copy of known.slice(KEPT - 1)) host.remove(`${COPIES}/${copy.name}`);
  const part = `${COPIES}/${name}.part`;
  host.remove(part);
  host.mkdir(part, { mode: 0o700 });
  for (const file of files) await run(host, ["cp", `${DATASTORE}/${file}`, `${part}/${file}`]);
  const note: Omit<DatastoreCopy, "name"> = { at: host.now(), before: candidate, ...(trialId && { trialId }) };
  host.write(`${part}/copy.json`, `${JSON.stringify(note)}\n`);
  await run(host, ["sync", "-f", part]);
  host.remove(`${COPIES}/${name}`);
  host.rename(part, `${COPIES}/${name}`);
  await run(host, ["sync", "-f", COPIES]);
}

/** Throws if the state partition has no room for the copy that a trial makes. */
export async function requireRoomForCopy(host: Host): Promise<void> {
  const size = filesIn(host, DATASTORE).length === 0 ? 0 : sizeIn(host, DATASTORE);
  const freed = datastoreCopies(host).slice(KEPT - 1);
  const needed = size - freed.reduce((sum, copy) => sum + copySize(host, copy), 0);
  if (needed > 0) await requireRoomFor(host, needed, "a copy of the datastore");
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

/** The copy that the image in this directory of a system has written last. */
export function copyOf(host: Host, system: string): DatastoreCopy | undefined {
  return datastoreCopies(host).find(({ name }) => name === system.slice(SYSTEM.length + 1));
}

/** Bytes of a copy. */
export function copySize(host: Host, { name }: DatastoreCopy): number {
  return sizeIn(host, `${COPIES}/${name}`);
}

/** Why this node's datastore cannot be put back, whatever copies there are; `undefined` if it can. */
export function whyNotRestorable(host: Host, k3s: K3s | undefined): string | undefined {
  if (k3s?.role === "agent") return "this node is an agent: the datastore is that of its server";
  if (host.stat(`${DATASTORE}/etcd`) !== undefined)
    return "this node keeps its objects in etcd, which k3s server --cluster-reset --cluster-reset-restore-path=FILE restores";
  const words = [...(k3s?.args ?? []), ...Object.keys(k3s?.environment ?? {})];
  if (words.some((word) => /^(--datastore-endpoint|K3S_DATASTORE_ENDPOINT)\b/.test(word)))
    return "this node keeps its objects in a database elsewhere";
  return host.stat(`${DATASTORE}/state.db`) === undefined ? "this node has no datastore" : undefined;
}

/**
 * Makes the next boot put this copy in the place of the datastore, if it boots the image that wrote the copy. Throws if
 * there is no room for that.
 */
export async function requestRestore(host: Host, copy: DatastoreCopy): Promise<void> {
  // The copy is written beside the datastore, and the datastore is kept.
  const needed = copySize(host, copy) + sizeIn(host, DATASTORE) - sizeIn(host, REPLACED);
  await requireRoomFor(host, needed, "the datastore beside its copy");
  host.remove(UNDER_WAY);
  host.write(RESTORE, `${copy.name}\n`);
  await run(host, ["sync", "-f", COPIES]);
}

/** Takes the request back. */
async function forgetRestore(host: Host): Promise<void> {
  host.remove(RESTORE);
  await run(host, ["sync", "-f", COPIES]);
}

/**
 * Puts a copy in the place of the datastore, if somebody asked for it and the image runs that wrote it. What was there
 * is kept beside the copies. Power may fail at any moment: until `UNDER_WAY` exists, the datastore is untouched, and
 * from then on each boot starts over, before Kubernetes. If it fails there, Kubernetes must not start: see
 * `isRestoring`.
 */
export async function restoreDatastore(host: Host): Promise<void> {
  const name = readTextIf(host, RESTORE)?.trim();
  if (name === undefined) return;
  if (!isRestoring(host)) {
    // A trial ends in the image that the copy belongs to, or in one that it does not belong to.
    if (name !== runningSystem(host)?.slice(SYSTEM.length + 1)) return isTrial(host) ? undefined : forgetRestore(host);
    await prepareRestore(host, name);
  }
  const files = filesIn(host, `${COPIES}/${name}`);
  for (const file of files) await run(host, ["cp", `${COPIES}/${name}/${file}`, `${DATASTORE}/${file}.new`]);
  await run(host, ["sync", "-f", DATASTORE]);
  for (const file of [...FILES, "state.db-shm"]) host.remove(`${DATASTORE}/${file}`);
  for (const file of files) host.rename(`${DATASTORE}/${file}.new`, `${DATASTORE}/${file}`);
  await run(host, ["sync", "-f", DATASTORE]);
  host.remove(RESTORE);
  host.remove(UNDER_WAY);
  await run(host, ["sync", "-f", COPIES]);
}

/** Whether the datastore is neither the old nor the new one. */
export function isRestoring(host: Host): boolean {
  return host.stat(RESTORE) !== undefined && host.stat(UNDER_WAY) !== undefined;
}

/** Keeps the datastore that is there. If that cannot be, or if there is no such copy, the request is taken back. */
async function prepareRestore(host: Host, name: string): Promise<void> {
  try {
    if (!filesIn(host, `${COPIES}/${name}`).includes("state.db"))
      throw new K3osError("host", `the copy ${name} of the datastore is gone`);
    host.remove(REPLACED);
    host.mkdir(REPLACED, { mode: 0o700 });
    for (const file of filesIn(host, DATASTORE)) await run(host, ["cp", `${DATASTORE}/${file}`, `${REPLACED}/${file}`]);
    await run(host, ["sync", "-f", REPLACED]);
  } catch (error) {
    await forgetRestore(host);
    throw error;
  }
  host.write(UNDER_WAY, "");
  await run(host, ["sync", "-f", REPLACED]);
}

const filesIn = (host: Host, directory: string) => FILES.filter((file) => host.stat(`${directory}/${file}`));

const sizeIn = (host: Host, directory: string) =>
  filesIn(host, directory).reduce((sum, file) => sum + (host.stat(`${directory}/${file}`)?.size ?? 0), 0);

async function requireRoomFor(host: Host, size: number, what: string): Promise<void> {
  const free = await freeBytes(host, STATE);
  if (free >= size + RESERVE) return;
  const sizes = `that takes ${formatBytes(size)}, and ${formatBytes(free)} are free`;
  throw new K3osError("host", `there is no room for ${what}: ${sizes}`);
}
