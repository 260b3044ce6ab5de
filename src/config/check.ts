import { base64, base64Flaw, fromUtf8 } from "./bytes.ts";
import { foreign } from "./foreign.ts";
import type { Check, Complaint, Kind, ListOf, MapOf, StructOf, Text } from "./kinds.ts";
import { type Patch, withoutNulls } from "./merge.ts";
import type { Finding, Weight } from "./problem.ts";
import { isSecretName, withoutUserInfo } from "./secrets.ts";
import { BOOT_WORDS, canonical, elsewhere, nearest, squash } from "./spelling.ts";
import { type Dict, isNothing, type Scalar, type Span, scalar, type Tree } from "./tree.ts";

export interface Checked {
  readonly patch: Patch;
  readonly findings: readonly Finding[];
  /** Where each key was set, by canonical path. */
  readonly places: ReadonlyMap<string, Span>;
  /** Where secret values are in the text. */
  readonly secrets: readonly Span[];
}

/**
 * Reads a tree by the schema: respells keys, coerces values, checks everything. A value with an error is left out of
 * the patch, so that a caller who takes errors for warnings (the kernel command line) can use the rest.
 */
export function check(tree: Tree | undefined, schema: StructOf): Checked {
  const checker = new Checker(schema);
  let patch: Patch = {};
  if (tree?.type === "dict") patch = checker.struct(tree, schema, "") ?? {};
  else if (tree !== undefined && !isNothing(tree)) {
    const hint = "a config begins like `hostname: node-1`";
    checker.find("error", tree.span, "", `expected keys with values, got ${nameOf(tree, true)}`, hint);
  }
  return { patch, findings: checker.findings, places: checker.places, secrets: checker.secrets };
}

class Checker {
  readonly findings: Finding[] = [];
  readonly places = new Map<string, Span>();
  readonly secrets: Span[] = [];
  private readonly root: StructOf;

  constructor(root: StructOf) {
    this.root = root;
  }

  find(weight: Weight, span: Span, path: string, message: string, hint?: string): undefined {
    this.findings.push({ weight, span, path, message, hint });
  }

  /** The checked value, or `undefined` if it is not usable. */
  private value(tree: Tree, kind: Kind, path: string): unknown {
    if (kind.secret) this.secrets.push(tree.span);
    switch (kind.kind) {
      case "text":
        return this.text(tree, kind, path);
      case "flag":
        return this.flag(tree, path);
      case "list":
        return this.list(tree, kind, path);
      case "map":
        return this.map(tree, kind, path);
      case "struct":
        return tree.type === "dict"
          ? this.struct(tree, kind, path)
          : this.mismatch(tree, "keys with values", path, true);
    }
  }

  private text(tree: Tree, kind: Text, path: string): string | undefined {
    if (tree.type !== "scalar" || isNothing(tree)) return this.mismatch(tree, "a string", path, kind.secret);
    if (tree.binary) return this.binary(tree, path);
    return this.passes(tree.text, tree.span, kind.check, path, kind.secret) ? tree.text : undefined;
  }

  /** `!!binary` in cloud-init's files marks encoded text, or encoded gzip data. */
  private binary(tree: Scalar, path: string): string | undefined {
    const flaw = base64Flaw(tree.text);
    if (flaw !== undefined) return this.find("error", tree.span, path, `expected base64, got ${flaw}`);
    const bytes = base64(tree.text);
    const gzipped = bytes[0] === 0x1f && bytes[1] === 0x8b;
    const text = gzipped ? Array.from(bytes, (byte) => String.fromCharCode(byte)).join("") : fromUtf8(bytes);
    if (text !== undefined) return text;
    return this.find(
      "error",
      tree.span,
      path,
      "expected text, got bytes",
      "use `encoding: base64` instead of !!binary",
    );
  }

  private flag(tree: Tree, path: string): boolean | undefined {
    if (tree.type === "scalar") {
      // Old k3OS read YAML 1.1, which has yes and on. The kernel's command line uses 1 and 0.
      if (/^(true|yes|on|1)$/i.test(tree.text)) return true;
      if (/^(false|no|off|0)$/i.test(tree.text)) return false;
    }
    return this.mismatch(tree, "true or false", path);
  }

  private list(tree: Tree, kind: ListOf, path: string): unknown[] {
    const items = tree.type === "list" ? tree.items : [tree];
    const seen = new Set<unknown>();
    const values = items.map((item, index) => {
      const at = `${path}[${index}]`;
      const value = settled(this.value(item, kind.item, at), kind.item);
      const name = kind.unique === undefined ? undefined : (value as Patch | undefined)?.[kind.unique];
      if (name !== undefined && seen.has(name)) {
        const message = `expected another ${kind.unique} for each, got ${shown(String(name))} again`;
        this.find("error", item.span, `${at}.${kind.unique}`, message);
      }
      seen.add(name);
      return value;
    });
    return values.filter((value) => value !== undefined);
  }

  private map(tree: Tree, kind: MapOf, path: string): Record<string, unknown> | undefined {
    if (tree.type !== "dict") return this.mismatch(tree, "names with values", path, true);
    const values: Record<string, unknown> = Object.create(null);
    for (const { key, keySpan, value } of tree.entries) {
      const at = `${path}${/^[\w-]+$/.test(key) ? `.${key}` : `[${shown(key)}]`}`;
      if (Object.hasOwn(values, key)) this.find("ignored", keySpan, at, "expected each name once, got it again");
      if (!this.passes(key, keySpan, kind.checkKey, at)) {
        this.secrets.push(value.span);
        continue;
      }
      const checked = settled(this.value(orEmpty(value, kind.value), kind.value, at), kind.value);
      if (checked !== undefined) values[key] = checked;
    }
    return { ...values };
  }

  struct(tree: Dict, kind: StructOf, path: string): Patch | undefined {
    const patch: Record<string, unknown> = {};
    const spans = new Map<string, Span>();
    const tried = new Set<string>();
    for (const { key, keySpan, value } of tree.entries) {
      const name = canonical(kind, key);
      if (name === undefined) {
        this.unknown(key, keySpan, value, kind, path);
        continue;
      }
      const at = path === "" ? name : `${path}.${name}`;
      const child = kind.keys[name] as Kind;
      if (tried.has(name))
        this.find("ignored", keySpan, at, "expected each key once, got it again: the last one counts");
      tried.add(name);
      if (child.kind !== "struct") this.places.set(at, keySpan);
      if (isNothing(value)) {
        // A bare `k3os:` remains when its keys are commented out. It does not mean to undo other layers.
        if (child.kind !== "struct") patch[name] = null;
        else if ((value as Scalar).text !== "") patch[name] = this.nothing(child, at, keySpan);
        continue;
      }
      const checked = this.value(value, child, at);
      if (checked === undefined) continue;
      patch[name] = checked;
      spans.set(name, value.span);
    }
    for (const name of kind.needed ?? []) {
      const at = path === "" ? String(name) : `${path}.${String(name)}`;
      if (patch[name] === null) {
        delete patch[name];
        this.find("error", this.places.get(at) ?? tree.span, at, "expected a value, got nothing");
      } else if (patch[name] === undefined && !tried.has(name))
        this.find("error", tree.span, at, "expected this key, got none");
    }
    if (kind.needed?.some((name) => patch[name] === undefined)) return undefined;
    const complaint = kind.check?.(patch);
    if (complaint !== undefined) {
      const at = path === "" ? complaint.key : `${path}.${complaint.key}`;
      this.complain(complaint, "", spans.get(complaint.key) ?? tree.span, at);
      if (complaint.weight !== "warning") return undefined;
    }
    return patch;
  }

  /** Sets every key of a struct to `null`. */
  private nothing(kind: StructOf, path: string, span: Span): Patch {
    return Object.fromEntries(
      Object.entries(kind.keys).map(([name, child]) => {
        const at = `${path}.${name}`;
        if (child.kind === "struct") return [name, this.nothing(child, at, span)];
        this.places.set(at, span);
        return [name, null];
      }),
    );
  }

  private unknown(key: string, span: Span, value: Tree, kind: StructOf, path: string): void {
    // In `{token:K10…}`, where a space is missing, the key ends with a secret.
    const word = key.replace(/[^\w.-].*/s, "…");
    if (word !== key) this.secrets.push(span);
    const at = path === "" ? word : `${path}.${word}`;
    const other = path === "" ? foreign(squash(key)) : undefined;
    if (other !== undefined) {
      this.find("ignored", span, at, `a key of ${other.of} that has no effect here`, other.hint);
      return;
    }
    const near = nearest(kind, key);
    // An unknown key may be a misspelled secret.
    const harmless = near !== undefined && !kind.keys[near]?.secret;
    if (value.type === "scalar" && !harmless) this.secrets.push(value.span);
    const hint = near === undefined ? this.whereElse(key, path) : `did you mean \`${near}\`?`;
    this.find("ignored", span, at, `unknown key${path === "" ? "" : ` of \`${path}\``}`, hint);
  }

  private whereElse(key: string, path: string): string | undefined {
    const boot = path === "k3os" && BOOT_WORDS.has(key);
    if (boot) return `its place is the kernel's command line: k3os.${key}=…`;
    const place = elsewhere(this.root, key);
    return place === undefined ? undefined : `its place is \`${place}\``;
  }

  private passes(text: string, span: Span, test: Check | undefined, path: string, secret?: boolean): boolean {
    const complaint = test?.(text);
    if (complaint === undefined) return true;
    this.complain(complaint, text, span, path, secret);
    return complaint.weight === "warning";
  }

  private complain(complaint: Complaint, text: string, span: Span, path: string, secret?: boolean): void {
    const { weight = "error", expected, hint } = complaint;
    const got = complaint.got ?? (secret || isSecretName(text) ? "something else" : shown(text));
    this.find(weight, span, path, `expected ${expected}, got ${got}`, hint);
  }

  private mismatch(tree: Tree, expected: string, path: string, secret?: boolean): undefined {
    // `- echo a: b` is a map in YAML, which often surprises people.
    const colon = expected === "a string" && tree.type === "dict" && tree.entries.length === 1;
    const hint = colon ? "put a text that contains `: ` in quotes" : undefined;
    return this.find("error", tree.span, path, `expected ${expected}, got ${nameOf(tree, secret)}`, hint);
  }
}

/** Removes nulls below an item of a list or a map: there is no lower layer whose values they could undo. */
function settled(value: unknown, kind: Kind): unknown {
  return kind.kind === "struct" && value !== undefined ? withoutNulls(value as Patch, kind) : value;
}

/** A name without a value in a map means the empty text, or a struct without keys. */
function orEmpty(tree: Tree, kind: Kind): Tree {
  if (!isNothing(tree)) return tree;
  if (kind.kind === "struct") return { type: "dict", entries: [], span: tree.span };
  return kind.kind === "text" ? scalar("", tree.span) : tree;
}

function nameOf(tree: Tree, hidden = false): string {
  if (tree.type === "list") return "a list";
  if (tree.type === "dict") return "a map";
  if (isNothing(tree)) return "nothing";
  return hidden ? "a text" : shown(tree.text);
}

/** The text in quotes, shortened. */
function shown(text: string): string {
  const safe = withoutUserInfo(text);
  return JSON.stringify(safe.length > 50 ? `${safe.slice(0, 49)}…` : safe);
}
