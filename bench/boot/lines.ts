/** What a guest tells: `@12.34 mark root`, uptime of its kernel first. Anything else on that console is no report. */
export interface Line {
  readonly uptime: number;
  readonly kind: string;
  readonly rest: string;
}

export function parseLine(text: string): Line | undefined {
  const [, uptime, kind = "", rest = ""] = /^@(\d+\.\d+) ([a-z]+) ?(.*)$/.exec(text.replace(/\r/g, "")) ?? [];
  return uptime === undefined ? undefined : { uptime: Number(uptime), kind, rest };
}

/** Cuts a stream into lines. */
export function lineSplitter(receive: (line: string) => void): (chunk: string) => void {
  let unfinished = "";
  return (chunk) => {
    const lines = (unfinished + chunk).split("\n");
    unfinished = lines.pop() ?? "";
    for (const line of lines) receive(line.replace(/\r$/, ""));
  };
}
