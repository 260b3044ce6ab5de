import { Option } from "commander";
import { type Io, printJson, printLine } from "../src/cli/io.ts";
import { markdownTable, type Table, textTable } from "./table.ts";

export interface OutputOptions {
  readonly json?: boolean;
  readonly markdown?: boolean;
}

export function markdownOption(): Option {
  return new Option("--markdown", "print tables for docs/performance.md").conflicts("json");
}

/** Prints measurements in the chosen form. */
export function printMeasured(
  io: Io,
  options: OutputOptions,
  tables: readonly { readonly title: string; readonly table: Table }[],
  json: Record<string, unknown>,
): void {
  if (options.json) {
    printJson(io, json);
    return;
  }
  for (const { title, table } of tables) {
    printLine(io, options.markdown ? `**${title}**\n\n${markdownTable(table)}\n` : `\n${title}\n${textTable(table)}`);
  }
}

/** Whether progress is kept off standard output, which then holds only the result. */
export function quiet(options: OutputOptions): boolean {
  return options.json === true || options.markdown === true;
}
