/** Test support: shorthands. */
import { type Layer, type LayerKind, type Loaded, type LoadOptions, load } from "./index.ts";
import type { Kind, StructOf } from "./kinds.ts";
import { manifest } from "./schema/manifest.ts";
import { upgradeCheck } from "./schema/upgrade.ts";
import { schema } from "./schema.ts";

/** Loads one file. */
export function loadText(text: string, kind: LayerKind = "system", options: LoadOptions = {}): Loaded {
  return load([{ name: "config.yaml", kind, text }], options);
}

/** Loads files that are laid over each other, the lowest first. */
export function loadAll(...texts: readonly (string | Layer)[]): Loaded {
  return load(
    texts.map((text, index) => (typeof text === "string" ? { name: `layer-${index}`, kind: "system", text } : text)),
  );
}

/** The problems as `severity path: message`. */
export function told({ problems }: Loaded): string[] {
  return problems.map(({ severity, path, message }) => `${severity} ${path}: ${message}`);
}

/** Every key with its path, including those of list items. */
export function* keys(kind: Kind, path: string): Generator<[path: string, kind: Kind]> {
  if (path !== "") yield [path, kind];
  if (kind.kind === "list") yield* keys(kind.item, `${path}[]`);
  if (kind.kind === "map") yield* keys(kind.value, `${path}.NAME`);
  if (kind.kind === "struct") {
    for (const [name, inner] of Object.entries<Kind>(kind.keys))
      yield* keys(inner, path === "" ? name : `${path}.${name}`);
  }
}

/** A file in which `example` is the value at `path`, and list items have their required keys. */
export function fileWith(path: string, example: string): string {
  const names = path.split(/(\[\])?\./).filter((name) => name !== undefined);
  return wrap(
    schema,
    names.filter((name) => name !== "[]"),
    example,
  );
}

function wrap(kind: Kind, names: readonly string[], example: string): string {
  const [name, ...rest] = names;
  if (name === undefined) return example;
  if (kind.kind === "list") return `[${wrap(kind.item, names, example)}]`;
  if (kind.kind === "map") return `{ a: ${wrap(kind.value, rest, example)} }`;
  if (kind.kind !== "struct") throw new Error(`there is nothing below ${name}`);
  const others = companions(kind, name)
    .filter((needed) => needed !== name)
    .map((needed) => `${needed}: ${kind.keys[needed]?.example}`);
  return `{ ${[...others, `${name}: ${wrap(kind.keys[name] as Kind, rest, example)}`].join(", ")} }`;
}

/** Keys that must stand beside this one. */
function companions(kind: StructOf, name: string): readonly string[] {
  if (kind === manifest && name === "name") return ["content"];
  if (kind === upgradeCheck && name !== "pods" && name !== "command") return ["name", "command"];
  return kind.needed ?? [];
}
