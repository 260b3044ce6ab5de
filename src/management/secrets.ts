/** Values of Secrets in MachineConfigs: `spec.secrets`. Pure. */
import type { Kind } from "../config/kinds.ts";
import { schema } from "../config/schema.ts";
import { type MachineConfig, SECRETS_NAMESPACE, type SecretValue } from "../kubernetes/machine-config.ts";

/** What was read of a Secret, or why it could not be. */
export type ReadSecret =
  | { readonly version: string; readonly data: Readonly<Record<string, string>> }
  | { readonly problem: string };

/** By name. All are in the namespace `SECRETS_NAMESPACE`. */
export type Secrets = ReadonlyMap<string, ReadSecret>;

export const NO_SECRETS: Secrets = new Map();

/** Where a part has a value from a Secret, without the value. */
export interface SecretPlace {
  /** As messages write it: `k3os.registries.configs["registry.example.com"].auth.password`. */
  readonly path: string;
  /** The Secret, its key and its version: tells one value from another, and not what it is. */
  readonly source: string;
}

type Json = { readonly [key: string]: unknown };

export interface Filled {
  readonly config: Json;
  readonly places: readonly SecretPlace[];
}

/** The config of a MachineConfig with the values that its Secrets have; or one sentence why it cannot be made. */
export function fillIn({ spec: { config = {}, secrets = [] } }: MachineConfig, known: Secrets): Filled | string {
  let filled: Json = config;
  const places: SecretPlace[] = [];
  for (const secret of secrets) {
    const found = readValue(secret, known);
    if ("problem" in found) return found.problem;
    const steps = stepsOf(secret.path);
    // Other keys are shown to people.
    if (steps === undefined || !isSecretKey(steps)) {
      return `spec.secrets: expected the path of a key that is secret, got ${secret.path}; such as k3os.registries.configs["registry.example.com"].auth.password`;
    }
    const next = setAt(filled, steps, found.value);
    if (next === undefined) return `spec.secrets: spec.config has no item to which ${secret.path} could belong`;
    filled = next as Json;
    places.push({ path: pathOf(steps), source: found.source });
  }
  return { config: filled, places };
}

function readValue({ secretKeyRef: { name, key } }: SecretValue, known: Secrets) {
  const secret = known.get(name) ?? { problem: "it was not read" };
  const what = `the Secret ${SECRETS_NAMESPACE}/${name}`;
  if ("problem" in secret) return { problem: `${what} is needed, and ${secret.problem}` };
  const value = Object.hasOwn(secret.data, key) ? secret.data[key] : undefined;
  return value === undefined
    ? { problem: `${what} has no key ${key}` }
    : { value, source: `${name}/${key}@${secret.version}` };
}

/** What was written, with the places of secrets as `source` in place of the value: for what others may see. */
export function withSources(said: Json, places: readonly SecretPlace[]): Json {
  return places.reduce<Json>((known, { path, source }) => {
    const shown = setAt(known, stepsOf(path) ?? [], source);
    if (shown === undefined) throw new Error(`nothing is at ${path}`);
    return shown as Json;
  }, said);
}

type Step = string | number;

const STEP = /\.?([\w-]+)|\[(\d{1,4})\]|\["([^"\\]+)"\]/y;

/** The keys and indexes of a path; `undefined` if it is none. */
export function stepsOf(path: string): readonly Step[] | undefined {
  const steps: Step[] = [];
  const step = new RegExp(STEP);
  for (step.lastIndex = 0; step.lastIndex < path.length; ) {
    const [, key, index, name] = step.exec(path) ?? [];
    if (index !== undefined) steps.push(Number(index));
    else if (key !== undefined || name !== undefined) steps.push(key ?? name ?? "");
    else return undefined;
  }
  return steps.length === 0 || path.startsWith(".") ? undefined : steps;
}

/** As the findings of a layer of the cluster write a path (`src/config/cluster.ts`). */
function pathOf(steps: readonly Step[]): string {
  const part = (step: Step) =>
    typeof step === "number" ? `[${step}]` : /^[\w-]+$/.test(step) ? `.${step}` : `["${step}"]`;
  return steps.map(part).join("").replace(/^\./, "");
}

/** Whether the schema calls the key there secret. Its keys are spelled as they are, none is guessed. */
function isSecretKey(steps: readonly Step[]): boolean {
  const at = steps.reduce<Kind | undefined>((kind, step) => {
    if (kind?.kind === "list") return typeof step === "number" ? kind.item : undefined;
    if (typeof step === "number") return undefined;
    if (kind?.kind === "map") return kind.value;
    return kind?.kind === "struct" && Object.hasOwn(kind.keys, step) ? kind.keys[step] : undefined;
  }, schema);
  return at?.kind === "text" && at.secret === true;
}

/** The value with another one at that place. Maps that are missing are made; `undefined` where an item is missing. */
function setAt(value: unknown, [first, ...others]: readonly Step[], to: string): unknown {
  if (first === undefined) return to;
  if (typeof first === "number") {
    if (!Array.isArray(value) || first >= value.length) return undefined;
    const item = setAt(value[first], others, to);
    return item === undefined ? undefined : value.map((old, index) => (index === first ? item : old));
  }
  if (value !== undefined && (typeof value !== "object" || value === null || Array.isArray(value))) return undefined;
  const map = (value ?? {}) as Json;
  const inner = setAt(Object.hasOwn(map, first) ? map[first] : undefined, others, to);
  return inner === undefined ? undefined : { ...map, [first]: inner };
}
