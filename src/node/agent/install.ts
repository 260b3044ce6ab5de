/** Makes the API know machines, pools and configurations. A server does it, with an administrator's credential. */
import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import type { ObjectMeta } from "../../kubernetes/meta.ts";
import {
  DIGEST,
  DIGEST_ANNOTATION,
  LAST_OBJECT,
  REVISION,
  REVISION_ANNOTATION,
} from "../../management/crds/revision.ts";
import type { ApiAnswer, ApiClient } from "./client.ts";

/** `newer`: another server, of a newer release, has put them there. */
export type Installed = "current" | "applied" | "newer";

const POOLS = "/apis/k3os.io/v1alpha1/machinepools";
/** How often an object is read again because another server wrote it meanwhile. */
const TRIES = 5;
/** The API serves a new kind when its definition is established, which takes it less than a second. */
const ESTABLISHED_MS = 30_000;
const STEP_MS = 250;

/**
 * Applies the objects of this release unless they are there, or newer ones are. One request if nothing is to be done.
 * It can be interrupted anywhere and called again. The pools that a cluster begins with are made the first time only:
 * they are the user's. `settled` is awaited before something is applied, which keeps a slow server busy. Throws a
 * `K3osError` if the API refuses something or does not answer.
 */
export async function ensureApi(
  client: ApiClient,
  host: Pick<Host, "sleep">,
  settled: () => Promise<void> = async () => {},
): Promise<Installed> {
  const last = await read(client, LAST_OBJECT);
  const found = last === undefined ? undefined : revisionOf(last);
  if (found !== undefined && found > REVISION) return "newer";
  if (found === REVISION && last?.annotations?.[DIGEST_ANNOTATION] === DIGEST) return "current";
  await settled();
  // Over 100 KB as text: they are made only here.
  const { firstPools, managementObjects } = await import("../../management/crds/index.ts");
  for (const { path, object } of managementObjects()) {
    if (path === LAST_OBJECT && last === undefined) {
      for (const pool of firstPools()) await create(client, host, pool);
    }
    if (!(await applyUnlessNewer(client, path, object))) return "newer";
  }
  return "applied";
}

/** Applies an object unless the one that is there is of a newer revision; tells whether it did. */
async function applyUnlessNewer(
  client: ApiClient,
  path: string,
  object: { readonly metadata: object },
): Promise<boolean> {
  for (let tries = 0; tries < TRIES; tries++) {
    const there = await read(client, path);
    if (there !== undefined && revisionOf(there) > REVISION) return false;
    // With it, the API refuses to replace anything but what was read.
    const precondition = there === undefined ? {} : { resourceVersion: there.resourceVersion };
    const body = { ...object, metadata: { ...object.metadata, ...precondition } };
    const answer = await client.patch(path, body, "apply");
    if (answer.status === 200 || answer.status === 201) return true;
    if (answer.status !== 409) throw refused(path, answer);
  }
  throw new K3osError("busy", `${path} could not be applied: somebody else wrote it each time.`, {
    hint: "Another server does the same right now; it is tried again when the agent starts again.",
  });
}

async function create(client: ApiClient, host: Pick<Host, "sleep">, pool: { metadata: ObjectMeta }): Promise<void> {
  for (let waited = 0; ; waited += STEP_MS) {
    const answer = await client.post(POOLS, pool);
    // It may have been made by an earlier call that was interrupted, or by the user.
    if (answer.status === 201 || answer.status === 409) return;
    if (answer.status !== 404 || waited >= ESTABLISHED_MS) throw refused(`${POOLS}/${pool.metadata.name}`, answer);
    await host.sleep(STEP_MS);
  }
}

/** The metadata of an object; `undefined` if there is none. */
async function read(client: ApiClient, path: string): Promise<ObjectMeta | undefined> {
  const answer = await client.get<{ readonly metadata: ObjectMeta }>(path);
  if (answer.status === 404) return undefined;
  if (answer.status !== 200 || answer.body === undefined) throw refused(path, answer);
  return answer.body.metadata;
}

/** 0 for an object that somebody else made. */
function revisionOf({ annotations }: ObjectMeta): number {
  const text = annotations?.[REVISION_ANNOTATION] ?? "";
  return /^\d{1,9}$/.test(text) ? Number(text) : 0;
}

function refused(path: string, { status, reason }: ApiAnswer): K3osError {
  const what = status === 0 ? "The API did not answer" : `The API answered ${status}`;
  return new K3osError("network", `${what} for ${path}: ${reason}`, {
    hint: "Is the k3s of this server healthy? See `k3os status`.",
  });
}
