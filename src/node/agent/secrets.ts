import { base64, fromUtf8 } from "../../config/bytes.ts";
import { type MachineConfig, SECRETS_NAMESPACE } from "../../kubernetes/machine-config.ts";
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
 * ones are named or one is missing. Throws `ApiTrouble` if the API does not say what is in them.
 */
export async function readSecrets(
  client: ApiClient,
  memory: AgentMemory,
  configs: readonly MachineConfig[],
  labels: Readonly<Record<string, string>> = {},
  now: number,
): Promise<Secrets> {
  const selected = configs.filter(({ spec }) => selects(spec.nodeSelector, labels));
  const names = new Set(selected.flatMap(({ spec }) => spec.secrets ?? []).map((one) => one.secretKeyRef.name));
  if (names.size === 0) return NO_SECRETS;
  const mark = JSON.stringify([...names].sort());
  const { secrets: known } = memory;
  const isFresh = known?.mark === mark && Math.abs(now - known.at) < AGAIN_MS;
  if (known !== undefined && isFresh && ![...known.found.values()].some((one) => "problem" in one)) return known.found;
  const found = new Map<string, ReadSecret>();
  for (const name of names) {
    found.set(name, readingOf(await client.get(`/api/v1/namespaces/${SECRETS_NAMESPACE}/secrets/${name}`)));
  }
  memory.secrets = { mark, at: now, found };
  return found;
}

function readingOf(answer: ApiAnswer<SecretObject>): ReadSecret {
  if (answer.status === 404) return { problem: "it does not exist" };
  if (answer.status === 403) return { problem: `the API does not let this node read it: ${answer.reason}` };
  if (answer.status !== 200 || answer.body === undefined) throw new ApiTrouble(answer);
  const { metadata, data = {} } = answer.body;
  // A value that is no text belongs into no config.
  const values = Object.entries(data).flatMap(([key, value]) => {
    const text = fromUtf8(base64(value));
    return text === undefined ? [] : [[key, text] as const];
  });
  return { version: metadata.resourceVersion ?? "", data: Object.fromEntries(values) };
}
