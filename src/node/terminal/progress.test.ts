import { describe, expect, it } from "vitest";
import { memoryTerminal } from "./memory.ts";
import { terminalProgress } from "./progress.ts";

function copyOn(mode: "keys" | "lines"): string {
  const terminal = memoryTerminal([], mode);
  const step = terminalProgress(terminal).step("Copy");
  for (const detail of ["10 %", "10 %", "90 %"]) step.update(detail);
  step.done("5 MB");
  terminalProgress(terminal).step("Check").fail();
  return terminal.written;
}

describe("terminalProgress", () => {
  it("draws a line over as it counts, and only when something is new", () => {
    expect(copyOn("keys")).toBe(
      [
        "\r\x1b[K  Copy ...",
        "\r\x1b[K  Copy: 10 %",
        "\r\x1b[K  Copy: 90 %",
        "\r\x1b[K- Copy: 5 MB\r\n",
        "\r\x1b[K  Check ...",
        "\r\x1b[Kx Check: failed\r\n",
      ].join(""),
    );
  });
  it("tells on a plain line when a step begins and how it ends", () => {
    expect(copyOn("lines")).toBe("- Copy ... 5 MB\n- Check ... failed\n");
  });
});
