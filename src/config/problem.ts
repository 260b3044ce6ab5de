import type { Span } from "./tree.ts";

export type Severity = "error" | "warning";

/** Something that is wrong with a layer. Its texts contain no tokens, passwords or other secrets. */
export interface Problem {
  readonly severity: Severity;
  /** The name of the layer, such as `/run/config/user-data`. */
  readonly layer: string;
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 1, in UTF-16 units. */
  readonly column: number;
  /** The key with its canonical spelling, such as `k3os.labels.zone`; empty for the file as a whole. */
  readonly path: string;
  /** `expected …, got …`, or another sentence without a full stop. */
  readonly message: string;
  readonly hint?: string;
  /** The line of the layer, shortened if it is long, and the number of characters in it before the place. */
  readonly excerpt: { readonly text: string; readonly before: number };
}

/**
 * The weight of a finding:
 * - `error`: the layer cannot be used;
 * - `ignored`: something in it has no effect; a node boots nevertheless, but strict mode treats it as an error;
 * - `warning`: it works, but probably not as intended.
 */
export type Weight = "error" | "ignored" | "warning";

/** A problem when it is found. Its place is an offset, and its layer is not known yet. */
export interface Finding {
  readonly weight: Weight;
  readonly span: Span;
  readonly path: string;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** The problem as lines for a terminal: place, path and message; the line with a caret below it; the hint. */
export function formatProblem(problem: Problem): string {
  const { layer, line, column, path, message, excerpt, hint, severity } = problem;
  const where = `${layer}:${line}:${column}${path === "" ? "" : ` ${path}`}`;
  const margin = String(line).length;
  const lines = [
    `${where}: ${severity === "warning" ? "warning: " : ""}${message}`,
    ` ${line} | ${excerpt.text}`,
    ` ${" ".repeat(margin)} | ${" ".repeat(excerpt.before)}^`,
  ];
  if (hint !== undefined) lines.push(` ${" ".repeat(margin)} = hint: ${hint}`);
  return lines.join("\n");
}
