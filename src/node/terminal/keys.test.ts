import { describe, expect, it } from "vitest";
import { decodeKeys } from "./keys.ts";

const names = (input: string) => decodeKeys(input).keys.map((key) => (key.name === "text" ? key.text : key.name));

describe("decodeKeys", () => {
  it("knows the arrows of a terminal and of the Linux console", () => {
    expect(names("\x1b[A\x1bOB\x1b[C\x1b[D\x1b[1~\x1b[4~\x1b[3~")).toEqual([
      "up",
      "down",
      "right",
      "left",
      "home",
      "end",
      "delete",
    ]);
  });
  it("keeps pasted text together and the keys around it apart", () => {
    expect(names("grüße\r\x7f\x15\x03")).toEqual(["grüße", "enter", "backspace", "clear", "interrupt"]);
  });
  it("keeps the beginning of a sequence for the next piece", () => {
    expect(decodeKeys("a\x1b[")).toEqual({ keys: [{ name: "text", text: "a" }], rest: "\x1b[" });
    expect(decodeKeys("\x1b")).toEqual({ keys: [], rest: "\x1b" });
  });
  it("takes Esc before anything that is no sequence for itself, and passes over keys that it does not know", () => {
    expect(names("\x1bx\x1b[15~\x00")).toEqual(["escape", "x", "unknown", "unknown"]);
  });
});
