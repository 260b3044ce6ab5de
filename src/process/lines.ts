import type { Readable } from "node:stream";

/**
 * Calls `receive` with each line of a stream. A carriage return also ends a line, because programs redraw their
 * progress with it.
 */
export function eachLine(stream: Readable, receive: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split(/[\r\n]+/);
    rest = lines.pop() ?? "";
    for (const line of lines) receive(line);
  });
  stream.on("end", () => rest !== "" && receive(rest));
}
