/** Shorthands of the tests. */
import { type Layer, type LayerKind, type Loaded, type LoadOptions, load } from "./index.ts";

/** What one file loads to. */
export function loadText(text: string, kind: LayerKind = "system", options: LoadOptions = {}): Loaded {
  return load([{ name: "config.yaml", kind, text }], options);
}

/** What files load to that are laid over each other, the lowest first. */
export function loadAll(...texts: readonly (string | Layer)[]): Loaded {
  return load(
    texts.map((text, index) => (typeof text === "string" ? { name: `layer-${index}`, kind: "system", text } : text)),
  );
}

/** Problems as `severity path: message`. */
export function told({ problems }: Loaded): string[] {
  return problems.map(({ severity, path, message }) => `${severity} ${path}: ${message}`);
}
