import { afterEach, beforeEach, vi } from "vitest";
import type { ExecOptions } from "../host/host.ts";

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
  return /^url = "(.*)"\n$/.exec(String(input))?.[1] ?? "";
}
