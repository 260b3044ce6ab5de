/**
 * The kernel command line as a layer: `hostname=node-1 k3os.labels[zone]=a k3os.modules=nbd "boot_cmd=echo hello"`.
 *
 * A key is written with dots, or with brackets around a part that contains dots. A key may occur several times: a list
 * grows, otherwise the last one counts. Words of other programs are skipped. Nothing here is ever an error, because the
 * command line is a means to repair a node.
 */
import type { Kind, StructOf } from "./kinds.ts";
import type { Finding } from "./problem.ts";
import { isSecretName } from "./secrets.ts";
import { BOOT_WORDS, canonical } from "./spelling.ts";
import { type Dict, type Entry, type List, type Span, scalar, type Tree } from "./tree.ts";

export interface CommandLine {
  readonly tree: Dict;
  readonly findings: readonly Finding[];
  /** Values whose keys sound like secrets, and values of unknown words, which may be secrets. */
  readonly secrets: readonly Span[];
}

/** The kernel itself takes 2 or 4 KiB. */
const MAX_LENGTH = 64 * 1024;

export function parseCmdline(line: string, schema: StructOf): CommandLine {
  const text = line.slice(0, MAX_LENGTH);
  const root: Branch = { dict: new Map(), span: { start: 0, end: text.length } };
  const findings: Finding[] = [];
  const secrets: Span[] = [];
  let incomplete = false;
  for (const word of words(text)) {
    const { key, keySpan, value, valueSpan, closed } = word;
    if (isSecretName(key) || isSecretName(value ?? "")) secrets.push(valueSpan);
    // `k3os.token x`: the word after a key without a value was probably meant as its value.
    if (incomplete) secrets.push(keySpan);
    incomplete = false;
    if (!isOurs(key, schema)) {
      if (value !== undefined) secrets.push(valueSpan);
      continue;
    }
    const path = pathOf(key, schema);
    const complain = (message: string, hint?: string) => {
      if (value !== undefined) secrets.push(valueSpan);
      findings.push({ weight: "warning", span: keySpan, path: path.names.join("."), message, hint });
    };
    if (!closed) complain("expected a closing quote, got the end of the line");
    else if (typeof path.kind === "string") complain(`expected ${path.kind}`, path.hint);
    else if (value === undefined && path.kind.kind !== "flag") {
      incomplete = true;
      complain("expected a value, got none", `write ${key}=VALUE`);
    } else place(root, path.names, path.kind, word);
  }
  return { tree: plant(root), findings, secrets };
}

interface Word {
  readonly key: string;
  readonly keySpan: Span;
  /** Without quotes; `undefined` if there is no `=`. */
  readonly value: string | undefined;
  readonly valueSpan: Span;
  readonly closed: boolean;
}

/** Splits as the kernel does (double quotes anywhere in a word), and also accepts `'…'` and `\"`. */
export function words(text: string): Word[] {
  const found: Word[] = [];
  const space = /\s/;
  for (let at = 0; at < text.length; ) {
    if (space.test(text.charAt(at))) {
      at++;
      continue;
    }
    const start = at;
    let decoded = "";
    let equals: { decoded: number; at: number } | undefined;
    let quoted = false;
    let single = singleQuoteEnd(text, at);
    for (; at < text.length && (quoted || !space.test(text.charAt(at))); at++) {
      const character = text.charAt(at);
      if (single > at) {
        decoded += text.slice(at + 1, single);
        at = single;
        single = -1;
      } else if (quoted && character === "\\" && /["\\]/.test(text.charAt(at + 1))) decoded += text.charAt(++at);
      else if (character === '"') quoted = !quoted;
      else {
        if (character === "=" && equals === undefined) {
          equals = { decoded: decoded.length, at };
          single = singleQuoteEnd(text, at + 1);
        }
        decoded += character;
      }
    }
    found.push({
      key: equals === undefined ? decoded : decoded.slice(0, equals.decoded),
      keySpan: { start, end: equals?.at ?? at },
      value: equals === undefined ? undefined : decoded.slice(equals.decoded + 1),
      valueSpan: { start: equals === undefined ? start : equals.at + 1, end: at },
      closed: !quoted,
    });
  }
  return found;
}

/** Where `'…'` that begins at `at` ends; -1 if no closing quote ends a word. */
function singleQuoteEnd(text: string, at: number): number {
  const match = text.charAt(at) === "'" ? /^'[^']*'(?=\s|$)/.exec(text.slice(at)) : null;
  return match === null ? -1 : at + match[0].length - 1;
}

function isOurs(key: string, schema: StructOf): boolean {
  const [first = "", second = ""] = key.split(/[.[\]]/);
  const name = canonical(schema, first);
  return name !== undefined && !(name === "k3os" && (key === first || BOOT_WORDS.has(second)));
}

interface Path {
  readonly names: readonly string[];
  /** The kind of the last name, or a description of what was expected. */
  readonly kind: Kind | string;
  readonly hint?: string;
}

const TOO_LARGE = "this key in a file: it is too large for here";

/** Follows the schema, so that everything after the name of a map is one key of it: `k3os.sysctl.kernel.printk`. */
function pathOf(key: string, schema: StructOf): Path {
  const names: string[] = [];
  let kind: Kind = schema;
  let rest = `.${key}`;
  while (kind.kind === "struct" || (kind.kind === "map" && kind.value.kind === "struct")) {
    const [all = "", dotted, bracketed] = /^(?:\.([^.[\]]+)|\[([^\]]+)\])/.exec(rest) ?? [];
    const part: string | undefined = dotted ?? bracketed;
    if (part === undefined) return { names, kind: `a key of \`${names.join(".")}\`, got none` };
    rest = rest.slice(all.length);
    if (kind.kind === "map") {
      names.push(part);
      kind = kind.value;
      continue;
    }
    let name: string | undefined = canonical(kind, part);
    // `k3os.hostname=` is a likely mistake beside `k3os.token=`. It can only mean the key at the top of the file.
    if (name === undefined && names.length === 1) {
      name = canonical(schema, part);
      if (name !== undefined) {
        names.pop();
        kind = schema;
      }
    }
    names.push(name ?? part);
    // An unknown key is put into the tree, too: the check suggests the right one.
    if (name === undefined) return { names, kind: { kind: "flag", about: "" } };
    kind = kind.keys[name] as Kind;
  }
  if (kind.kind === "map") {
    if (kind.value.kind !== "text") return { names, kind: TOO_LARGE };
    const name = /^\[(.+)\]$/.exec(rest)?.[1] ?? /^\.(.+)$/.exec(rest)?.[1];
    if (name === undefined) return { names, kind: "the name of an entry, got none", hint: `write ${key}[NAME]=VALUE` };
    return { names: [...names, name], kind: { kind: "text", about: "" } };
  }
  if (kind.kind === "list") {
    if (kind.item.kind !== "text") return { names, kind: TOO_LARGE };
    if (/^(\[\d*\])?$/.test(rest)) return { names, kind };
    return { names, kind: "a list, got a key below it", hint: `write ${names.join(".")}=VALUE, once for each entry` };
  }
  if (rest !== "") return { names, kind: "one value, got a key below it" };
  return { names, kind };
}

interface Branch {
  readonly dict: Map<string, { readonly keySpan: Span; node: Branch | Tree }>;
  readonly span: Span;
}

function place(root: Branch, names: readonly string[], kind: Kind, word: Word): void {
  const { keySpan, valueSpan } = word;
  const leaf = scalar(word.value ?? "true", valueSpan);
  let branch = root;
  for (const name of names.slice(0, -1)) {
    const known = branch.dict.get(name)?.node;
    const next: Branch = known !== undefined && "dict" in known ? known : { dict: new Map(), span: keySpan };
    if (next !== known) branch.dict.set(name, { keySpan, node: next });
    branch = next;
  }
  const last = names.at(-1) ?? "";
  const known = branch.dict.get(last)?.node;
  const grow = kind.kind === "list" && known !== undefined && "items" in known;
  const list: List = { type: "list", items: [...(grow ? known.items : []), leaf], span: valueSpan };
  branch.dict.set(last, { keySpan, node: kind.kind === "list" ? list : leaf });
}

function plant(branch: Branch): Dict {
  const entries: Entry[] = [...branch.dict].map(([key, { keySpan, node }]) => {
    return { key, keySpan, value: "dict" in node ? plant(node) : node };
  });
  return { type: "dict", entries, span: branch.span };
}
