import { closeSync, openSync, readSync, watch, writeFileSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";

/** A line of a guest's report, such as `@12.34 mark root`: the kernel's uptime, kind, rest. */
export interface Line {
  readonly uptime: number;
  readonly kind: string;
  readonly rest: string;
}

export function parseLine(text: string): Line | undefined {
  const [, uptime, kind = "", rest = ""] = /^@(\d+\.\d+) ([a-z]+) ?(.*)$/.exec(text.replace(/\r/g, "")) ?? [];
  return uptime === undefined ? undefined : { uptime: Number(uptime), kind, rest };
}

/** Returns a function that takes chunks of a stream and calls `receive` with each whole line. */
export function lineSplitter(receive: (line: string) => void): (chunk: string) => void {
  let unfinished = "";
  return (chunk) => {
    const lines = (unfinished + chunk).split("\n");
    unfinished = lines.pop() ?? "";
    for (const line of lines) receive(line.replace(/\r$/, ""));
  };
}

/**
 * Makes `file`, and calls `receive` with each line that another program writes to it, as soon as it is whole. The
 * returned function reads what is left, and ends that.
 */
export function followLines(file: string, receive: (line: string) => void): () => void {
  writeFileSync(file, "");
  const from = openSync(file, "r");
  const [buffer, decoder, split] = [Buffer.alloc(65_536), new StringDecoder("utf8"), lineSplitter(receive)];
  const read = () => {
    for (let size = readSync(from, buffer); size > 0; size = readSync(from, buffer))
      split(decoder.write(buffer.subarray(0, size)));
  };
  const watcher = watch(file, read);
  return () => {
    watcher.close();
    read();
    closeSync(from);
  };
}
