import { base64, fromUtf8 } from "../../config/bytes.ts";
import { type MachineConfig, SECRETS_NAMESPACE, type SecretValue } from "../../kubernetes/machine-config.ts";
import type { ObjectMeta } from "../../kubernetes/meta.ts";
import { selects } from "../../kubernetes/selector.ts";
import { NO_SECRETS, type ReadSecret, type Secrets } from "../../management/secrets.ts";
import { ApiTrouble } from "./answer.ts";
import type { ApiAnswer, ApiClient } from "./client.ts";
import type { AgentMemory } from "./memory.ts";

interface SecretObject {
  readonly metadata: ObjectMeta;
  /** In base64. */
  readonly data?: Readonly<Record<string, string>>;
}

/** A Secret is not watched, which would take the right to list all of them. It is read again after this. */
const AGAIN_MS = 300_000;

/**
 * The Secrets that the MachineConfigs of this node name. They are read at most every five minutes, and anew when other
 * MachineConfigs name some or a value is missing. Throws `ApiTrouble` if the API does not answer and nothing is known.
 */
export async function readSecrets(
  client: ApiClient,
  memory: AgentMemory,
  configs: readonly MachineConfig[],
  labels: Readonly<Record<string, string>> = {},
  now: number,
): Promise<Secrets> {
  const naming = configs.filter(
    ({ spec: { nodeSelector, secrets = [] } }) => secrets.length > 0 && selects(nodeSelector, labels),
  );
  if (naming.length === 0) return NO_SECRETS;
  const refs = naming.flatMap(({ spec }) => spec.secrets ?? []).map(({ secretKeyRef }) => secretKeyRef);
  const mark = JSON.stringify(naming.map(({ metadata: { name, uid, generation } }) => [name, uid, generation]));
  const { secrets: known } = memory;
  const isKnown = ({ name, key }: SecretValue["secretKeyRef"]) => {
    const secret = known?.found.get(name);
    return secret !== undefined && "data" in secret && Object.hasOwn(secret.data, key);
  };
  if (known?.mark === mark && Math.abs(now - known.at) < AGAIN_MS && refs.every(isKnown)) return known.found;
  const found = new Map<string, ReadSecret>();
  for (const name of new Set(refs.map((ref) => ref.name))) {
    const path = `/api/v1/namespaces/${SECRETS_NAMESPACE}/secrets/${encodeURIComponent(name)}`;
    found.set(name, readingOf(await client.get(path), known?.found.get(name)));
  }
  memory.secrets = { mark, at: now, found };
  return found;
}

/** Statuses by which the API says nothing of the Secret: no answer, an unknown credential, too many requests. */
const SAYS_NOTHING: readonly number[] = [0, 401, 429];

function readingOf(answer: ApiAnswer<SecretObject>, before: ReadSecret | undefined): ReadSecret {
  const { status, body, reason } = answer;
  if (status === 200 && body !== undefined)
    return { version: body.metadata.resourceVersion ?? "", data: textsIn(body) };
  if (status === 404) return { problem: "it does not exist" };
  if (before !== undefined && "data" in before && status !== 403) return before;
  if (SAYS_NOTHING.includes(status)) throw new ApiTrouble(answer);
  return { problem: `the API does not let this node read it: ${reason}` };
}

/** Its values that are text: others belong into no config. */
function textsIn({ data = {} }: SecretObject): Record<string, string> {
  const values = Object.entries(data).flatMap(([key, value]) => {
    const text = fromUtf8(base64(value));
    return text === undefined ? [] : [[key, text] as const];
  });
  return Object.fromEntries(values);
}
