import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  Parser,
  type YAMLError,
} from "yaml";
import type { Finding } from "./problem.ts";
import type { Dict, Entry, Span, Tree } from "./tree.ts";

/**
 * Limits of a YAML layer. They are far beyond any real config, and low enough that a hostile one costs a booting node
 * little.
 */
const LIMITS = {
  characters: 1024 * 1024,
  depth: 32,
  words: 50_000,
  nodes: 10_000,
  aliases: 100,
  errors: 50,
} as const;

export interface Parsed {
  /** The tree, incomplete if there are errors; `undefined` if the text is empty. */
  readonly tree: Tree | undefined;
  readonly findings: readonly Finding[];
}

/** Reads YAML without interpreting its values. Never throws. */
export function parseYaml(text: string): Parsed {
  if (text.length > LIMITS.characters) {
    return refuse({ start: 0, end: 1 }, `expected at most ${LIMITS.characters} characters, got ${text.length}`);
  }
  const { tokens, quote, refused } = tokenize(text);
  if (refused !== undefined) return refused;
  const composer = new Composer({ schema: "failsafe", resolveKnownTags: false, uniqueKeys: false, logLevel: "silent" });
  const documents = [...composer.compose(tokens, true, text.length)];
  const document = documents[0];
  if (document === undefined) return { tree: undefined, findings: [] };

  const findings: Finding[] = [];
  for (const each of documents) {
    for (const error of each.errors) {
      const [start, end] = error.pos;
      if (/closing ["']quote/.test(error.message)) {
        const hint = "a quote that belongs to the text goes into quotes of the other kind";
        findings.push({ weight: "error", span: { start: quote, end }, path: "", message: NOT_CLOSED, hint });
        continue;
      }
      const [message, hint] = explain(error);
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

/** The first half of parsing, stopped at the limits. The second half needs a stack as deep as the text is nested. */
function tokenize(text: string): { tokens: CST.Token[]; quote: number; refused?: Parsed } {
  const tokens: CST.Token[] = [];
  const parser = new Parser();
  let words = 0;
  let errors = 0;
  let quote = 0;
  const take = (token: CST.Token) => {
    if (token.type === "error") errors++;
    tokens.push(token);
  };
  for (const word of new Lexer().lex(text)) {
    const start = parser.offset;
    // For a quote that is never closed, yaml reports only the end of the text.
    if (/^["']/.test(word)) quote = start;
    for (const token of parser.next(word)) take(token);
    const here = { start, end: start + 1 };
    if (parser.stack.length > LIMITS.depth + 2) return { tokens, quote, refused: refuse(here, TOO_DEEP) };
    if (++words > LIMITS.words || errors > LIMITS.errors) {
      return {
        tokens,
        quote,
        refused: refuse(here, "expected a config, got something too long or too broken to be one"),
      };
    }
  }
  for (const token of parser.end()) take(token);
  return { tokens, quote };
}

function refuse(span: Span, message: string): Parsed {
  return { tree: undefined, findings: [{ weight: "error", span, path: "", message }] };
}

/** Explains yaml's errors to people who edit a config. Errors that are not here need no explanation. */
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

/** An error of yaml as a sentence and a way out. */
export function explain({ code, message }: YAMLError): readonly [message: string, hint?: string] {
  return SENTENCES[message.startsWith("Flow ") ? "MISSING_CHAR" : code] ?? [withoutSource(message)];
}

/** A few of yaml's messages quote the source, which may contain a secret. */
function withoutSource(message: string): string {
  const sentence = message.replace(/:? ["'{].*$/s, "").replace(/\.$/, "");
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}

/** Turns yaml's nodes into a Tree. Resolves aliases and merge keys (`<<`), within the limits. */
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
