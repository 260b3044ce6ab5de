import { afterEach, beforeEach, vi } from "vitest";

/** The lines that a test of this file has printed so far. They go nowhere else. */
export function catchPrinted(): string[] {
  const lines: string[] = [];
  beforeEach(() => {
    lines.length = 0;
    vi.spyOn(console, "log").mockImplementation((text) => void lines.push(String(text)));
  });
  afterEach(() => vi.restoreAllMocks());
  return lines;
}
