/** The table of keys in docs/config.md, from the schema. */
import type { Kind } from "./kinds.ts";
import { schema } from "./schema.ts";

const BEGIN = "<!-- The keys, from src/config/schema.ts: npm run docs -->";
const END = "<!-- The end of the keys -->";

/** Replaces the table of keys in the page. Everything else stays. */
export function withReference(page: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error("the page has no place for the keys");
  return `${page.slice(0, begin) + BEGIN}\n${tableOfKeys()}\n${page.slice(end)}`;
}

function tableOfKeys(): string {
  return [
    "| key | value | meaning | example |",
    "|---|---|---|---|",
    ...withoutRepetition(keysOf("", schema)).map(
      ({ path, kind }) => `| \`${path}\` | ${describeValue(kind)} | ${meaning(kind)} | ${example(path, kind)} |`,
    ),
  ].join("\n");
}

interface Row {
  readonly path: string;
  readonly kind: Kind;
}

/** Parts of the schema that occur several times are described only at the first place. */
function withoutRepetition(rows: readonly Row[]): Row[] {
  const told = new Set<Kind>();
  return rows.filter(({ kind }) => !told.has(kind) && told.add(kind));
}

function keysOf(prefix: string, kind: Kind): Row[] {
  if (kind.kind !== "struct") return [];
  return Object.entries(kind.keys).flatMap(([name, inner]) => {
    const path = prefix + name;
    if (inner.kind === "struct") return keysOf(`${path}.`, inner);
    const below = inner.kind === "list" ? keysOf(`${path}[].`, inner.item) : [];
    if (inner.kind === "map") below.push(...keysOf(`${path}.NAME.`, inner.value));
    return [{ path, kind: inner }, ...below];
  });
}

const VALUES: Readonly<Record<Exclude<Kind["kind"], "list">, string>> = {
  text: "text",
  flag: "true or false",
  map: "map of texts",
  struct: "map",
};

function describeValue(kind: Kind): string {
  if (kind.kind === "list") return kind.item.kind === "struct" ? "list of maps" : "list of texts";
  return kind.kind === "map" && kind.value.kind === "struct" ? "map of maps" : VALUES[kind.kind];
}

function meaning({ about, secret }: Kind): string {
  const sentences = [...(about === undefined ? [] : [about]), ...(secret ? ["Never shown."] : [])];
  return sentences.join(" ").replaceAll("|", "\\|");
}

function example(path: string, { example }: Kind): string {
  const name = path.split(".").at(-1) ?? path;
  return example === undefined ? "" : `\`${name}: ${example.replaceAll("|", "\\|")}\``;
}
