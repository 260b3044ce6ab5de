import { describe, expect, it } from "vitest";
import { Asker } from "./ask.ts";
import { memoryTerminal } from "./memory.ts";
import { BACK, type Question } from "./question.ts";

const fruit: Question = {
  kind: "choice",
  title: "Which?",
  choices: [
    { value: "a", label: "Apple" },
    { value: "b", label: "Banana" },
    { value: "c", label: "Cherry" },
  ],
};
const name: Question = {
  kind: "text",
  title: "Name",
  check: (text) => (/^\d*$/.test(text) ? "Expected letters." : undefined),
};
const sure: Question = { kind: "confirm", title: "Sure?", initial: false };

const ask = (question: Question, mode: "keys" | "lines", ...typed: string[]) => {
  const terminal = memoryTerminal(typed, mode);
  return new Asker(terminal).ask(question).then((answer) => ({ answer, terminal }));
};

describe("asking key by key", () => {
  const cases: [string, Question, string[], unknown][] = [
    ["takes the first choice with Enter", fruit, ["\r"], "a"],
    ["goes down and up", fruit, ["\x1b[B\x1b[B\x1b[A\r"], "b"],
    ["goes round", fruit, ["\x1b[A\r"], "c"],
    ["takes a number", fruit, ["3\r"], "c"],
    ["puts an escape sequence together that comes in pieces", fruit, ["\x1b", "\r"], BACK],
    ["takes what is typed and corrected", name, ["bx\x7fob\x01\x1b[3~B\r"], "Bob"],
    ["takes y and n at once", sure, ["y"], true],
    ["takes what Enter stands for", sure, ["\r"], false],
    ["goes back with Esc", name, ["ab\x1b"], BACK],
  ];
  for (const [what, question, typed, want] of cases) {
    it(what, async () => expect((await ask(question, "keys", ...typed)).answer).toBe(want));
  }

  it("says what is wrong and lets it be corrected", async () => {
    const { answer, terminal } = await ask(name, "keys", "12\r", "\x15Eve\r");
    expect(answer).toBe("Eve");
    expect(terminal.written).toContain("Expected letters.");
  });

  it("breaks what it has to say between words, and takes it back when the answer is changed", async () => {
    const terminal = memoryTerminal(["1\r", "x", "\r"], "keys", 30);
    await new Asker(terminal).ask({
      ...name,
      check: (text) => (text === "1" ? "expected a name of letters, got 1\nsuch as Ada" : undefined),
    });
    expect(terminal.written).toContain("Name: 1\r\n  expected a name of letters,\r\n  got 1\r\n  such as Ada");
    expect(terminal.written).toMatch(/\x1b\[JName: 1x\r\x1b/);
  });

  it("never shows a secret", async () => {
    const { terminal } = await ask({ kind: "text", title: "Password", secret: true }, "keys", "hunter2\r");
    expect(terminal.written).not.toContain("hunter2");
    expect(terminal.written).toMatch(/Password: \(hidden\)\r\n$/);
  });

  it("stops at Ctrl-C and at the end of the input", async () => {
    await expect(ask(fruit, "keys", "\x03")).rejects.toMatchObject({ kind: "interrupted" });
    await expect(ask(fruit, "keys")).rejects.toMatchObject({ kind: "interrupted" });
  });

  it("draws no line that a narrow terminal would wrap", async () => {
    const terminal = memoryTerminal(["\r"], "keys", 20);
    await new Asker(terminal).ask({ ...fruit, choices: [{ value: "x", label: "x".repeat(60) }] });
    const lines = terminal.written.replace(/\x1b\[\d*[A-Za-z]/g, "").split(/\r\n|\r/);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(20);
  });
});

describe("asking line by line", () => {
  it("lists choices by number and asks again when it is none of them", async () => {
    const { answer, terminal } = await ask(fruit, "lines", "7\n", "2\n");
    expect(answer).toBe("b");
    expect(terminal.written).toContain("  2. Banana\n");
    expect(terminal.written).toContain("Expected a number from 1 to 3.");
    expect(terminal.written).not.toContain("\x1b");
  });

  it("takes several lines that come at once, and a last one without an end", async () => {
    const asker = new Asker(memoryTerminal(["\nBob\ny"], "lines"));
    expect([await asker.ask(fruit), await asker.ask(name), await asker.ask(sure)]).toEqual(["a", "Bob", true]);
  });

  it("hides what is typed as a secret", async () => {
    const { terminal } = await ask({ kind: "text", title: "Password", secret: true }, "lines", "hunter2\n");
    expect(terminal.unseen).toBe("hunter2\n");
    // Who answers as soon as he is asked must not be seen either.
    expect(terminal.writtenUnseen).toContain("Password");
  });

  it("goes back with <, and stops at the end of the input", async () => {
    expect((await ask(name, "lines", "<\n")).answer).toBe(BACK);
    await expect(ask(name, "lines")).rejects.toMatchObject({ kind: "interrupted" });
  });
});
