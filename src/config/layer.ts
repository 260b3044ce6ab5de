import { fromUtf8 } from "./bytes.ts";
import { type Checked, check } from "./check.ts";
import { clusterFindings } from "./cluster.ts";
import { parseCmdline } from "./cmdline.ts";
import type { LayerKind } from "./layer-kind.ts";
import { translateNetworkConfig } from "./network/translate.ts";
import { parseYaml } from "./parse.ts";
import type { Finding } from "./problem.ts";
import { schema } from "./schema.ts";
import { type Dict, type Entry, isNothing, type List, type Span, scalar, type Tree } from "./tree.ts";

export interface Layer {
  /** Shown in messages; the path if there is one, such as `/run/config/user-data`. */
  readonly name: string;
  readonly kind: LayerKind;
  readonly text: string;
  /** User data unchanged, because a program may be binary. */
  readonly bytes?: Uint8Array;
  /** Paths of values that came from a Secret of the cluster, so that a `cluster` layer may have them. */
  readonly secrets?: readonly string[];
}

export interface ReadLayer extends Checked {
  /** Set if the user data is a program and not a config. Bytes if it is not UTF-8. */
  readonly script?: string | Uint8Array;
}

/** Reads one layer by its kind. Never throws, whatever the text is. */
export function readLayer({ kind, text, bytes, secrets: known }: Layer): ReadLayer {
  switch (kind) {
    case "cmdline": {
      const { tree, findings, secrets } = parseCmdline(text, schema);
      const checked = withFindings(check(tree, schema), findings);
      return { ...checked, secrets: [...checked.secrets, ...secrets] };
    }
    case "metadata": {
      const { tree, findings } = parseYaml(text);
      return findings.length > 0 ? { ...check(undefined, schema), findings } : check(ofMetadata(tree), schema);
    }
    case "network-config": {
      const { tree, findings } = parseYaml(text);
      const network = findings.length > 0 ? { tree: undefined, findings } : translateNetworkConfig(tree);
      return withFindings(check(network.tree, schema), network.findings);
    }
    case "hostname":
      return check(dict(text, entry("hostname", trimmed(text)[0], text)), schema);
    case "authorized-keys":
      return check(dict(text, entry("ssh_authorized_keys", trimmed(text), text)), schema);
    case "userdata":
      return readUserdata(text, bytes);
    case "cluster": {
      const read = readYaml(text);
      return withFindings(read, clusterFindings(read, known));
    }
    default:
      return readYaml(text);
  }
}

function readYaml(text: string): ReadLayer {
  const { tree, findings } = parseYaml(text);
  const checked = check(tree, schema);
  // If the structure of a file is wrong, errors about its values are guesswork. The places of its secrets are not.
  return findings.length > 0 ? { ...checked, findings } : checked;
}

/** First words of user data in formats that cloud-init supports and k3OS does not. */
const FOREIGN = [
  ["Content-Type:", "a MIME archive"],
  ["MIME-Version:", "a MIME archive"],
  ["## template:", "a template"],
  ["#include", "a list of addresses"],
  ["#cloud-boothook", "a boot hook"],
  ["#cloud-config-archive", "an archive of configs"],
  ["#part-handler", "a part handler"],
  ["\u001f\u008b", "gzip"],
  ["\u001f\ufffd", "gzip"],
] as const;

function readUserdata(text: string, bytes: Uint8Array | undefined): ReadLayer {
  const nothing = check(undefined, schema);
  const foreign = FOREIGN.find(([start]) => text.startsWith(start));
  if (foreign !== undefined) {
    const message = `expected a config or a script, got ${foreign[1]}, which is not supported`;
    const span = { start: 0, end: foreign[0].length };
    return withFindings(nothing, [{ weight: "error", span, path: "", message }]);
  }
  if (!text.startsWith("#!") && !text.includes("\0")) return readYaml(text);
  return { ...nothing, script: bytes === undefined || fromUtf8(bytes) === text ? text : bytes };
}

function withFindings(checked: Checked, findings: readonly Finding[]): Checked {
  return { ...checked, findings: [...findings, ...checked.findings] };
}

/** Keeps the keys that a config has a place for. The rest of the meta-data is not meant for us. */
function ofMetadata(tree: Tree | undefined): Tree | undefined {
  if (tree?.type !== "dict") return tree;
  const entries: Entry[] = [];
  for (const { key, keySpan, value } of tree.entries) {
    if (isNothing(value)) continue;
    if (/^local[-_]hostname$/.test(key)) entries.push({ key: "hostname", keySpan, value });
    if (/^public[-_]keys$/.test(key)) entries.push({ key: "ssh_authorized_keys", keySpan, value: keysIn(value) });
  }
  return { ...tree, entries };
}

/** The keys in OpenStack's form, which has names: `public-keys: { laptop: ssh-ed25519 … }`. */
function keysIn(tree: Tree): Tree {
  return tree.type === "dict" ? { type: "list", items: tree.entries.map(({ value }) => value), span: tree.span } : tree;
}

/** The lines of a text that are neither empty nor comments, with their places. */
function trimmed(text: string): Tree[] {
  const found: Tree[] = [];
  for (const match of text.matchAll(/[^\n]+/g)) {
    const line = match[0].trim();
    const start = match.index + match[0].indexOf(line);
    if (line !== "" && !line.startsWith("#")) found.push(scalar(line, { start, end: start + line.length }));
  }
  return found;
}

function entry(key: string, value: Tree | readonly Tree[] | undefined, text: string): Entry[] {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return [];
  const span: Span = { start: 0, end: text.length };
  const list = (items: readonly Tree[]): List => ({ type: "list", items, span });
  return [{ key, keySpan: span, value: "type" in value ? value : list(value) }];
}

function dict(text: string, entries: readonly Entry[]): Dict {
  return { type: "dict", entries, span: { start: 0, end: text.length } };
}
