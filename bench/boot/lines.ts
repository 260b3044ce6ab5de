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
