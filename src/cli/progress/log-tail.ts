import { closeSync, fstatSync, openSync, readSync } from "node:fs";

const lines = 30;
const bytes = 16 * 1024;

/** The end of a failed step's log, and the path of the whole log. */
export function logTail(path: string): string {
  const tail = readEnd(path);
  return `${tail
    .split("\n")
    .map((line) => `    ${line}`)
    .join("\n")}\n    The whole log: ${path}\n`;
}

function readEnd(path: string): string {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return "(the log cannot be read)";
  }
  try {
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(Math.min(size, bytes));
    readSync(file, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString("utf8").trimEnd().split("\n").slice(-lines).join("\n") || "(the log is empty)";
  } finally {
    closeSync(file);
  }
}
