import { describe, expect, it } from "vitest";
import { formatBytes } from "./format-bytes.ts";

describe("formatBytes", () => {
  const cases: [number, string][] = [
    [512, "512 B"],
    [1_048_576, "1 MB"],
    [109_400_000, "109 MB"],
    [20e9, "20 GB"],
    [999_999_999_999, "1 TB"],
    [3_840_755_982_336, "3.8 TB"],
  ];
  for (const [bytes, want] of cases) it(want, () => expect(formatBytes(bytes)).toBe(want));
});
