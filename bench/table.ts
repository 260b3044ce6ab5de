import type { Spread } from "./statistics.ts";

/** A head and rows of cells; the first column names the row. */
export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** For a terminal: columns of equal width, numbers to the right. */
export function textTable({ head, rows }: Table): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]) =>
    widths
      .map((width, column) => (column === 0 ? (row[0] ?? "").padEnd(width) : (row[column] ?? "").padStart(width)))
      .join("   ")
      .trimEnd();
  return all.map(line).join("\n");
}

/** For a page: a table of GitHub-flavoured Markdown. */
export function markdownTable({ head, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${head.map((_, column) => cells[column] ?? "").join(" | ")} |`;
  const rule = head.map((_, column) => (column === 0 ? "---" : "---:"));
  return [head, rule, ...rows].map(line).join("\n");
}

/** `25.4 (24.9–27.0)`; without the range when there was only one measurement, `–` when there was none. */
export function cell(spread: Spread | undefined, digits = 1): string {
  if (spread === undefined) return "–";
  const { median, min, max, count } = spread;
  const show = (value: number) => value.toFixed(digits);
  return count === 1 ? show(median) : `${show(median)} (${show(min)}–${show(max)})`;
}
