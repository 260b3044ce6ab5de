import { afterEach, beforeEach, vi } from "vitest";
import type { ExecOptions, ExecResult, Host } from "../host/host.ts";

/** The lines that a test has printed so far. They are not shown. */
export function catchPrinted(): string[] {
  const lines: string[] = [];
  beforeEach(() => {
    lines.length = 0;
    vi.spyOn(console, "log").mockImplementation((text) => void lines.push(String(text)));
  });
  afterEach(() => vi.restoreAllMocks());
  return lines;
}

/** The URL in curl's configuration, which `ps` does not show; empty if there is none. */
export function askedFor({ input = "" }: ExecOptions): string {
  return /^url = "(.*)"$/m.exec(String(input))?.[1] ?? "";
}

/** What `cp` does with these arguments on a host in memory: copies a file, or with `-al` links a directory. */
export function cp(host: Host, args: readonly string[]): Partial<ExecResult> {
  const [from = "", to = ""] = args.slice(-2);
  if (args[0] !== "-al") host.write(to, host.read(from));
  else {
    host.mkdir(to);
    for (const name of host.list(from)) host.write(`${to}/${name}`, host.read(`${from}/${name}`));
  }
  return {};
}
