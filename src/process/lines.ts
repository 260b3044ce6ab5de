import type { Readable } from "node:stream";

/** Calls `receive` with each line of a stream. A line also ends at a carriage return, as programs redraw their progress. */
export function eachLine(stream: Readable, receive: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split(/[\r\n]+/);
    rest = lines.pop() ?? "";
    for (const line of lines) receive(line);
  });
  stream.on("end", () => rest !== "" && receive(rest));
}
