import { Composer, type Document, isAlias, isMap, isScalar, isSeq, Parser } from "yaml";
import type { Finding } from "./problem.ts";
import type { Dict, Entry, Span, Tree } from "./tree.ts";

/** Bounds of a YAML layer: far beyond any real config, small enough that a hostile one costs a booting node little. */
export const LIMITS = { characters: 1024 * 1024, depth: 32, nodes: 20_000, aliases: 100 } as const;

export interface Parsed {
  /** What could be read; with errors it may be incomplete. `undefined` if there is nothing. */
  readonly tree: Tree | undefined;
  readonly findings: readonly Finding[];
}

/** Reads YAML without interpreting its values. Never throws. */
export function parseYaml(text: string): Parsed {
  if (text.length > LIMITS.characters) {
    return refuse({ start: 0, end: 1 }, `expected at most ${LIMITS.characters} characters, got ${text.length}`);
  }
  const tokens = [];
  for (const token of new Parser().parse(text)) {
    const deep = tooDeep(token);
    if (deep !== undefined) return refuse({ start: deep, end: deep + 1 }, TOO_DEEP);
    tokens.push(token);
  }
  const composer = new Composer({ schema: "failsafe", uniqueKeys: false, logLevel: "silent" });
  const documents = [...composer.compose(tokens, true, text.length)];
  const document = documents[0];
  if (document === undefined) return { tree: undefined, findings: [] };

  const findings: Finding[] = [];
  for (const each of documents) {
    for (const error of each.errors) {
      const quote = /closing ["']quote/.test(error.message) ? openQuote(tokens, error.pos[0]) : undefined;
      if (quote !== undefined) {
        const hint = "a quote that belongs to the text goes into quotes of the other kind";
        findings.push({ weight: "error", span: { start: quote, end: quote + 1 }, path: "", message: NOT_CLOSED, hint });
        continue;
      }
      const [start, end] = error.pos;
      const [message, hint] = SENTENCES[error.code] ?? [withoutSource(error.message)];
      findings.push({ weight: "error", span: { start, end }, path: "", message, hint });
    }
  }
  const second = documents[1];
  if (second !== undefined) {
    const start = Math.max(text.indexOf("\n---", document.range[1] - 1) + 1, 0);
    const message = "expected one YAML document, got several";
    findings.push({ weight: "error", span: { start, end: start + 3 }, path: "", message, hint: "remove the line ---" });
  }
  return { tree: new Reader(findings).read(document), findings };
}

const NOT_CLOSED = "expected a closing quote, got the end of the text";
const TOO_DEEP = `expected at most ${LIMITS.depth} levels of nesting, got more`;

function refuse(span: Span, message: string): Parsed {
  return { tree: undefined, findings: [{ weight: "error", span, path: "", message }] };
}

/** What yaml's errors mean to somebody who edits a config; the others speak for themselves. */
const SENTENCES: Readonly<Record<string, [message: string, hint?: string]>> = {
  TAB_AS_INDENT: ["expected spaces at the beginning of the line, got a tab", "YAML is indented with spaces only"],
  BAD_INDENT: ["expected another indentation", "keys of one map begin in the same column"],
  MISSING_CHAR: ["expected a closing bracket, a comma or a colon before this"],
  MULTILINE_IMPLICIT_KEY: ["expected `key: value` on one line", "is a colon missing, or the indentation wrong?"],
  BLOCK_AS_IMPLICIT_KEY: [
    "expected one value, got `key: value` after a key",
    "put a value that contains `: ` in quotes",
  ],
  BAD_DQ_ESCAPE: ["expected another letter after the backslash", "single quotes take backslashes as they are"],
  BAD_SCALAR_START: ["expected a value, got a character that needs quotes", "put the value in quotes"],
  MULTIPLE_DOCS: ["expected one YAML document, got several", "remove the line ---"],
};

/** yaml quotes the source in a few messages, where it may be a secret. */
function withoutSource(message: string): string {
  const sentence = message.replace(/:? ["'{].*$/s, "").replace(/\.$/, "");
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}

interface Token {
  readonly type: string;
  readonly offset?: number;
  readonly source?: string;
  readonly key?: Token | null;
  readonly value?: Token | null;
  readonly items?: readonly Pick<Token, "key" | "value">[];
}

/** All tokens below one, with their depth. Iterative, because deep nesting would exhaust the stack. */
function* walk(root: unknown): Generator<readonly [token: Token, depth: number]> {
  const open: (readonly [Token, number])[] = [[root as Token, 0]];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    yield next;
    const [token, depth] = next;
    for (const item of token.items ?? []) {
      if (item.key) open.push([item.key, depth + 1]);
      if (item.value) open.push([item.value, depth + 1]);
    }
    if (token.value) open.push([token.value, depth]);
  }
}

/** Where the nesting passes the limit: composing a much deeper text would exhaust the stack. */
function tooDeep(root: unknown): number | undefined {
  for (const [token, depth] of walk(root)) if (depth > LIMITS.depth) return token.offset ?? 0;
  return undefined;
}

/** Where the quote begins that is not closed before `end`. yaml tells only where the text ends. */
function openQuote(tokens: readonly unknown[], end: number): number | undefined {
  for (const root of tokens) {
    for (const [{ type, offset = 0, source = "" }] of walk(root)) {
      if (/^(single|double)-quoted-scalar$/.test(type) && offset + source.length === end) return offset;
    }
  }
  return undefined;
}

/** Turns yaml's nodes into a Tree: aliases and merge keys (`<<`) resolved, within the limits. */
class Reader {
  private readonly anchors = new Map<string, unknown>();
  private readonly findings: Finding[];
  private nodes = 0;
  private aliases = 0;
  private full = false;

  constructor(findings: Finding[]) {
    this.findings = findings;
  }

  read(document: Document.Parsed): Tree | undefined {
    const end = document.range[1];
    return this.tree(document.contents, { start: 0, end }, 0);
  }

  private complain(span: Span, message: string, hint?: string): undefined {
    this.findings.push({ weight: "error", span, path: "", message, hint });
  }

  private stop(span: Span, message: string): undefined {
    if (!this.full) this.complain(span, message);
    this.full = true;
  }

  private tree(node: unknown, around: Span, depth: number): Tree | undefined {
    if (this.full) return undefined;
    const span = spanOf(node) ?? { start: around.start, end: around.start };
    if (++this.nodes > LIMITS.nodes) return this.stop(span, `expected at most ${LIMITS.nodes} values, got more`);
    if (depth > LIMITS.depth) return this.stop(span, TOO_DEEP);
    if (isAlias(node)) {
      if (++this.aliases > LIMITS.aliases)
        return this.stop(span, `expected at most ${LIMITS.aliases} aliases, got more`);
      if (!this.anchors.has(node.source))
        return this.complain(span, "expected the name of an anchor (&name) above this");
      return this.tree(this.anchors.get(node.source), span, depth + 1);
    }
    if (isMap(node)) {
      if (node.anchor) this.anchors.set(node.anchor, node);
      return this.dict(node.items, span, depth);
    }
    if (isSeq(node)) {
      if (node.anchor) this.anchors.set(node.anchor, node);
      const items = node.items.map((item) => this.tree(item, span, depth + 1));
      return { type: "list", items: items.filter((item) => item !== undefined), span };
    }
    if (isScalar(node)) {
      if (node.anchor) this.anchors.set(node.anchor, node);
      const plain = node.type === "PLAIN" || node.type === undefined;
      const scalar = { type: "scalar", text: String(node.value ?? ""), plain, span } as const;
      return node.tag === "tag:yaml.org,2002:binary" ? { ...scalar, binary: true } : scalar;
    }
    return { type: "scalar", text: "", plain: true, span };
  }

  private dict(pairs: readonly { key: unknown; value: unknown }[], span: Span, depth: number): Dict {
    const own: Entry[] = [];
    const inherited: Entry[] = [];
    for (const pair of pairs) {
      const key = this.tree(pair.key, span, depth + 1);
      const value = this.tree(pair.value, key?.span ?? span, depth + 1);
      if (key === undefined || value === undefined) continue;
      if (key.type !== "scalar") {
        this.complain(key.span, "expected a word as key, got a list or a map");
      } else if (key.plain && key.text === "<<" && value.type !== "scalar") {
        for (const base of value.type === "list" ? value.items : [value]) {
          if (base.type === "dict") inherited.push(...base.entries);
        }
      } else own.push({ key: key.text, keySpan: key.span, value });
    }
    const keys = new Set(own.map((entry) => entry.key));
    const unseen = inherited.filter(({ key }) => !keys.has(key) && keys.add(key));
    return { type: "dict", entries: [...unseen, ...own], span };
  }
}

function spanOf(node: unknown): Span | undefined {
  const range = (node as { range?: [number, number, number] | null } | null)?.range;
  return range ? { start: range[0], end: range[1] } : undefined;
}
