import { toBase64 } from "./bytes.ts";
import type { Kind } from "./kinds.ts";
import { type Layer, type ReadLayer, readLayer } from "./layer.ts";
import { add, additions, merge, mergeByKey, type Patch, withoutNulls } from "./merge.ts";
import type { Problem, Severity, Weight } from "./problem.ts";
import { type Config, schema } from "./schema.ts";
import { canonicalPath } from "./spelling.ts";
import { lineStarts, locate, toProblems } from "./to-problems.ts";

export interface Origin {
  /** The name of the layer. */
  readonly layer: string;
  readonly line: number;
  readonly column: number;
}

/** The layer that sets the value of a key. */
export interface Provenance extends Origin {
  /** The unused values that other layers set for the key, the lowest first. */
  readonly overrides: readonly Origin[];
  /** Another layer whose items are added to the value. */
  readonly added?: Origin;
  /** Layers of the cluster whose entries are merged into the value, the lowest first. */
  readonly merged?: readonly Origin[];
}

export interface Loaded {
  readonly config: Config;
  /**
   * By canonical path down to whole lists and maps: `hostname`, `k3os.labels`. A key that the highest layer sets to
   * null is here too, though not in the config.
   */
  readonly provenance: Readonly<Record<string, Provenance>>;
  /** In the order of the layers, then of the text. */
  readonly problems: readonly Problem[];
  /** Names of the layers that have errors. Nothing of them is in the config. */
  readonly rejected: readonly string[];
}

export interface LoadOptions {
  /**
   * Treat everything without effect, such as an unknown key, as an error: for checking a file before a node gets it.
   */
  readonly strict?: boolean;
}

/** Where user data that is a script is written. */
export const SCRIPT = "/run/k3os/userdata";

/**
 * Reads the layers and merges those without errors, the lowest first. Never throws for what a user wrote: a layer with
 * errors is rejected as a whole. The kernel command line is never rejected; only its wrong words are left out.
 *
 * Of lists that the schema lets a layer add to (`adds`), the highest such layer's items come before all others.
 *
 * User data that is a script adds a file and the last entry of `run_cmd`, whatever other layers say about these keys.
 */
export function load(layers: readonly Layer[], options: LoadOptions = {}): Loaded {
  const problems: Problem[] = [];
  const rejected: string[] = [];
  const provenance: Record<string, Provenance> = {};
  const adding = new Map<string, Origin>();
  let merged: Patch = {};
  let added: Patch = {};
  let script: string | Uint8Array | undefined;
  for (const layer of layers) {
    const read = readLayer(layer);
    const source = { name: layer.name, text: layer.text, secrets: read.secrets, guess: layer.kind !== "cmdline" };
    const found = toProblems(source, read.findings, severityIn(layer, options));
    problems.push(...found);
    if (found.some((problem) => problem.severity === "error")) {
      rejected.push(layer.name);
      continue;
    }
    note(provenance, layer, read, merged);
    merged = (layer.kind === "cluster" ? mergeByKey : merge)(merged, read.patch, schema);
    const more = additions(read.patch, layer.kind, schema);
    added = merge(added, more, schema);
    for (const [path, { overrides: _, ...origin }] of Object.entries(provenance)) {
      if (origin.layer === layer.name && has(more, path)) adding.set(path, origin);
    }
    script = read.script ?? script;
  }
  for (const [path, origin] of adding) {
    const found = provenance[path];
    if (found === undefined || found.layer === origin.layer) continue;
    const overrides = found.overrides.filter(({ layer }) => layer !== origin.layer);
    provenance[path] = { ...found, overrides, added: origin };
  }
  const config = add(withoutNulls(merged, schema), withoutNulls(added, schema)) as Config;
  return { config: script === undefined ? config : withScript(config, script), provenance, problems, rejected };
}

function severityIn(layer: Layer, { strict = false }: LoadOptions): (weight: Weight) => Severity {
  if (layer.kind === "cmdline") return () => "warning";
  return (weight) => (weight === "error" || (strict && weight === "ignored") ? "error" : "warning");
}

/** `low` is the value of the layers below. */
function note(provenance: Record<string, Provenance>, layer: Layer, { places, patch }: ReadLayer, low: Patch) {
  const starts = lineStarts(layer.text);
  for (const [path, span] of places) {
    // Lists and maps come from one layer as a whole, unless it is one of the cluster.
    if (canonicalPath(schema, path) !== path || !has(patch, path)) continue;
    const before = provenance[path];
    if (before !== undefined && layer.kind === "cluster" && isMerged(path) && valueAt(low, path) !== null) {
      const origin = { layer: layer.name, ...locate(starts, span.start) };
      provenance[path] = { ...before, merged: [...(before.merged ?? []), origin] };
      continue;
    }
    const overrides = before === undefined ? [] : [...before.overrides, withoutOverrides(before)];
    provenance[path] = { layer: layer.name, ...locate(starts, span.start), overrides };
  }
}

/** Whether layers of the cluster are merged into the value of this key, and do not replace it. */
function isMerged(path: string): boolean {
  let kind: Kind | undefined = schema;
  for (const name of path.split(".")) kind = kind?.kind === "struct" ? kind.keys[name] : undefined;
  return kind?.kind === "list" || kind?.kind === "map";
}

function has(patch: Patch, path: string): boolean {
  return valueAt(patch, path) !== undefined;
}

function valueAt(patch: Patch, path: string): unknown {
  const [first = "", ...rest] = path.split(".");
  const value = patch[first];
  return rest.length === 0 || value === undefined ? value : valueAt(value as Patch, rest.join("."));
}

function withoutOverrides({ layer, line, column }: Origin): Origin {
  return { layer, line, column };
}

function withScript(config: Config, script: string | Uint8Array): Config {
  const encoded = typeof script === "string" ? { content: script } : { content: toBase64(script), encoding: "base64" };
  const file = { path: SCRIPT, ...encoded, permissions: "0700" };
  return {
    ...config,
    write_files: [...(config.write_files ?? []), file],
    run_cmd: [...(config.run_cmd ?? []), SCRIPT],
  };
}
