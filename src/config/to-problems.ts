import { maskedLine, type Source } from "./mask.ts";
import type { Finding, Problem, Severity, Weight } from "./problem.ts";

/** The maximum of problems that are reported per layer. A file that is no config should not flood the console. */
const MAX_PROBLEMS = 50;

/** Turns findings into problems of a layer, in the order of the text. */
export function toProblems(source: Source, findings: readonly Finding[], severity: (weight: Weight) => Severity) {
  const sorted = [...findings].sort((a, b) => a.span.start - b.span.start);
  const starts = lineStarts(source.text);
  const problems = sorted.slice(0, MAX_PROBLEMS).map((finding) => {
    const { weight, span, path, message, hint } = finding;
    const { line, column } = locate(starts, Math.min(span.start, source.text.length));
    const excerpt = excerptOf(maskedLine(source, starts, line), column);
    const problem = { severity: severity(weight), layer: source.name, line, column, path, message, excerpt };
    return hint === undefined ? problem : { ...problem, hint };
  });
  const rest = sorted.slice(MAX_PROBLEMS);
  const next = rest[0];
  if (next !== undefined) {
    const more = { ...next, path: "", hint: undefined, message: `${rest.length} more problems from here on` };
    const weight = rest.some((finding) => finding.weight === "error") ? "error" : next.weight;
    problems.push(...toProblems(source, [{ ...more, weight }], severity));
  }
  return problems satisfies Problem[] as Problem[];
}

export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Where each line of the text begins; `locate` needs it. */
export function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

export function locate(starts: readonly number[], offset: number): Position {
  let low = 0;
  let high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
}

const WIDTH = 100;

/** At most WIDTH characters of the line around the column, because a kernel command line can be long. */
function excerptOf(line: string, column: number): Problem["excerpt"] {
  const at = column - 1;
  const from = at <= WIDTH * 0.8 ? 0 : Math.floor(at - WIDTH * 0.6);
  const to = from + WIDTH;
  const head = from > 0 ? "…" : "";
  const tail = to < line.length ? "…" : "";
  const visible = line.slice(from, to).replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, " ");
  return { text: `${head}${visible.trimEnd()}${tail}`, before: at - from + head.length };
}
