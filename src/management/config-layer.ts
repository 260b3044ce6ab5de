/** The cluster's layer of config.yaml on one node, from the MachineConfigs that select it. Pure. */
import { formatProblem, load } from "../config/index.ts";
import type { Kind } from "../config/kinds.ts";
import { readLayer } from "../config/layer.ts";
import { mergeByKey, type Patch, withoutNulls } from "../config/merge.ts";
import { schema } from "../config/schema.ts";
import { yamlText } from "../config/yaml-text.ts";
import type { MachineConfig } from "../kubernetes/machine-config.ts";
import { selects } from "../kubernetes/selector.ts";
import { type ClusterLayer, type LayerPart, layerOfPart, NO_LAYER } from "./layer.ts";
import { fillIn, NO_SECRETS, type SecretPlace, type Secrets, withSources } from "./secrets.ts";
import { sha256 } from "./sha256.ts";

/** A key that several MachineConfigs set to different values. The last one counts. */
export interface Conflict {
  /** Down to one entry: `k3os.sysctls.vm.swappiness`, `write_files[/etc/motd]`. */
  readonly path: string;
  /** Names, in the order in which they are merged. */
  readonly configs: readonly string[];
}

/** A MachineConfig that is not taken over, and why: one or more sentences, as `k3os config check` says them. */
export interface RefusedConfig {
  readonly config: string;
  readonly reason: string;
  /** It is paused, so nothing waits for it. */
  readonly paused?: true;
}

export interface AssembledLayer {
  readonly layer: ClusterLayer;
  readonly conflicts: readonly Conflict[];
  readonly refused: readonly RefusedConfig[];
  /** Those that are paused, as they would be applied. */
  readonly paused: readonly LayerPart[];
}

/**
 * The layer that `configs` ask for on a node with these labels. One that is paused or refused changes nothing: what is
 * applied of it (`applied`) stays.
 */
export function clusterLayer(
  configs: readonly MachineConfig[],
  labels: Readonly<Record<string, string>>,
  applied: ClusterLayer = NO_LAYER,
  secrets: Secrets = NO_SECRETS,
): AssembledLayer {
  const refused: RefusedConfig[] = [];
  const paused: LayerPart[] = [];
  const parts: LayerPart[] = [];
  const selected = configs.filter(({ spec }) => selects(spec.nodeSelector, labels));
  for (const config of [...selected].sort(byName)) {
    const { name } = config.metadata;
    const before = applied.parts.find((known) => known.name === name);
    const part = partOf(config, secrets, before);
    if ("reason" in part) refused.push({ config: name, ...part, ...(config.spec.paused && { paused: true }) });
    else if (config.spec.paused) paused.push(part);
    const isHeld = "reason" in part || config.spec.paused === true;
    const taken = isHeld ? before : part;
    if (taken !== undefined) parts.push(taken);
  }
  return { layer: layerOf(parts), conflicts: conflictsIn(parts), refused, paused };
}

/** The layer of these parts, whose order counts. */
export function layerOf(parts: readonly LayerPart[]): ClusterLayer {
  const said = withoutNulls(
    parts.map(shownOf).reduce<Patch>((low, high) => mergeByKey(low, high, schema), {}),
    schema,
  );
  const revision = Object.keys(said).length === 0 ? "" : `sha256:${sha256(canonicalJson(said))}`;
  return { revision, parts };
}

/** What parts say, because QuickJS takes long to read YAML. */
const known = new WeakMap<LayerPart, Patch>();

/** What a part says, with canonical keys. */
export function saidBy(part: LayerPart): Patch {
  let said = known.get(part);
  if (said === undefined) {
    said = readLayer(layerOfPart(part)).patch;
    known.set(part, said);
  }
  return said;
}

/** What a part says, with the sources of secrets in place of their values. A revision is for everybody to see. */
const shownOf = (part: LayerPart): Patch => withSources(saidBy(part), part.secrets ?? []);

/** JSON in which equal values are equal texts: keys are sorted. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

function byName({ metadata: a }: MachineConfig, { metadata: b }: MachineConfig): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/** What a MachineConfig says; or why it is not taken over. */
function partOf(
  config: MachineConfig,
  secrets: Secrets,
  before: LayerPart | undefined,
): LayerPart | { readonly reason: string } {
  const { name, generation = 0 } = config.metadata;
  const filled = fillIn(config, secrets);
  if (typeof filled === "string") return { reason: filled };
  const { places } = filled;
  const text = Object.keys(filled.config).length === 0 ? "" : yamlText(filled.config);
  // Where a Secret has another version and the same value, nothing has changed.
  const isAsBefore = before?.text === text && isSamePlaces(before.secrets ?? [], places);
  const sources = isAsBefore ? (before.secrets ?? []) : places;
  const part = { name, generation, text, ...(sources.length > 0 && { secrets: sources }) };
  const reason = flawsOf(part);
  return reason === undefined ? part : { reason };
}

const isSamePlaces = (a: readonly SecretPlace[], b: readonly SecretPlace[]): boolean =>
  JSON.stringify(a.map(({ path }) => path)) === JSON.stringify(b.map(({ path }) => path));

function flawsOf(part: LayerPart): string | undefined {
  const { problems, rejected } = load([layerOfPart(part)], { strict: true });
  if (rejected.length === 0) return undefined;
  return problems
    .filter(({ severity }) => severity === "error")
    .map(formatProblem)
    .join("\n");
}

function conflictsIn(parts: readonly LayerPart[]): Conflict[] {
  const found = new Map<string, { readonly values: Set<string>; readonly configs: string[] }>();
  for (const part of parts) {
    for (const [path, value] of entriesIn(saidBy(part), schema, "")) {
      const known = found.get(path) ?? { values: new Set(), configs: [] };
      found.set(path, known);
      known.values.add(canonicalJson(value));
      if (!known.configs.includes(part.name)) known.configs.push(part.name);
    }
  }
  return [...found].flatMap(([path, { values, configs }]) =>
    values.size > 1 && configs.length > 1 ? [{ path, configs }] : [],
  );
}

/** The values that replace one another when layers are merged, by path. Items of lists without a key never do. */
function* entriesIn(value: unknown, kind: Kind, path: string): Generator<readonly [path: string, value: unknown]> {
  if (kind.kind === "text" || kind.kind === "flag") yield [path, value];
  else if (kind.kind === "list") {
    const key = kind.unique ?? kind.key;
    if (key !== undefined) for (const item of value as Patch[]) yield [`${path}[${item[key]}]`, item];
  } else {
    for (const [name, inner] of Object.entries(value as Patch)) {
      const below = kind.kind === "map" ? kind.value : kind.keys[name];
      if (below !== undefined) yield* entriesIn(inner, below, path === "" ? name : `${path}.${name}`);
    }
  }
}
