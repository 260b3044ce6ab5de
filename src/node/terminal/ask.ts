import { K3osError } from "../../errors.ts";
import { decodeKeys, type Key } from "./keys.ts";
import { answered, labelOf, type PromptState, press, render, type Screen, startPrompt } from "./prompt.ts";
import { type Answer, BACK, type Question } from "./question.ts";
import type { Terminal } from "./terminal.ts";

/** How long to wait for the rest of an escape sequence. After that, it is the Esc key. */
const ESCAPE_MS = 150;

/** Asks until an answer passes the question's check. Throws `interrupted` at Ctrl-C and at the end of the input. */
export class Asker {
  readonly #terminal: Terminal;
  /** Typed and not used yet. */
  #pending = "";
  readonly #keys: Key[] = [];

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  ask(question: Question): Promise<Answer | typeof BACK> {
    return this.#terminal.mode === "keys" ? this.#askByKeys(question) : this.#askByLines(question);
  }

  async #askByKeys(question: Question): Promise<Answer | typeof BACK> {
    const painter = new Painter(this.#terminal);
    let state: PromptState = startPrompt(question);
    for (;;) {
      painter.paint(render(question, state, this.#terminal.columns));
      const pressed = press(question, state, await this.#key());
      if ("state" in pressed) {
        state = pressed.state;
        continue;
      }
      if ("cancelled" in pressed) {
        painter.finish(question.title.slice(0, this.#terminal.columns - 1));
        throw stopped();
      }
      const complaint = await this.#complaint(question, pressed.answer, (note) =>
        painter.paint(render(question, { ...state, note }, this.#terminal.columns)),
      );
      if (complaint === undefined) {
        painter.finish(answered(question, pressed.answer, this.#terminal.columns));
        return pressed.answer;
      }
      state = { ...state, note: complaint };
    }
  }

  async #complaint(
    question: Question,
    answer: Answer | typeof BACK,
    tell: (text: string) => void,
  ): Promise<string | undefined> {
    if (question.kind !== "text" || answer === BACK) return undefined;
    if (question.checking !== undefined && answer !== "") tell(question.checking);
    return question.check?.(String(answer));
  }

  async #key(): Promise<Key> {
    for (;;) {
      const next = this.#keys.shift();
      if (next !== undefined) return next;
      const waiting = this.#pending !== "";
      const typed = await this.#terminal.read(waiting ? ESCAPE_MS : undefined);
      if (typed === undefined) return { name: "interrupt" };
      if (typed === "" && waiting) {
        this.#pending = "";
        this.#keys.push({ name: "escape" });
        continue;
      }
      const { keys, rest } = decodeKeys(this.#pending + typed);
      this.#pending = rest;
      this.#keys.push(...keys);
    }
  }

  async #askByLines(question: Question): Promise<Answer | typeof BACK> {
    const { write } = this.#terminal;
    if (question.kind === "choice") {
      const lines = question.choices.map(({ label }, index) => `  ${index + 1}. ${label}\n`);
      write(`${question.title}\n${lines.join("")}`);
    } else if (question.kind === "text" && question.help !== undefined) write(`  ${question.help}\n`);
    for (;;) {
      const secret = question.kind === "text" && question.secret === true;
      // Before the prompt: whoever sees that may answer at once.
      if (secret) await this.#terminal.showTyping(false);
      write(promptOf(question));
      const line = await this.#line().finally(() => (secret ? this.#terminal.showTyping(true) : undefined));
      if (secret) write("\n");
      if (line === "<") return BACK;
      const answer = fromLine(question, line);
      const complaint =
        answer === undefined
          ? expected(question)
          : await this.#complaint(question, answer, (note) => write(`  ${note}\n`));
      if (answer !== undefined && complaint === undefined) return answer;
      write(`  ${complaint?.replaceAll("\n", "\n  ")}\n`);
    }
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#pending.indexOf("\n");
      if (end >= 0) {
        const line = this.#pending.slice(0, end).replace(/\r$/, "");
        this.#pending = this.#pending.slice(end + 1);
        return line;
      }
      const typed = await this.#terminal.read();
      if (typed?.includes("\x03")) throw stopped();
      if (typed === undefined && this.#pending === "") throw stopped();
      this.#pending += typed ?? "\n";
    }
  }
}

function promptOf(question: Question): string {
  if (question.kind === "confirm") return `${question.title} [${question.initial ? "Y/n" : "y/N"}] `;
  if (question.kind === "choice") {
    const initial = question.choices.findIndex(({ value }) => value === question.initial);
    return `Number [${Math.max(initial, 0) + 1}], or < to go back: `;
  }
  return question.initial ? `${question.title} [${question.initial}]: ` : labelOf(question);
}

function fromLine(question: Question, line: string): Answer | undefined {
  const text = line.trim();
  if (question.kind === "text") return line === "" ? (question.initial ?? "") : line;
  if (question.kind === "confirm") {
    return text === "" ? question.initial : /^y(es)?$/i.test(text) ? true : /^no?$/i.test(text) ? false : undefined;
  }
  if (text === "") return question.initial ?? question.choices[0]?.value;
  return /^\d+$/.test(text) ? question.choices[Number(text) - 1]?.value : undefined;
}

function expected(question: Question): string {
  return question.kind === "choice" ? `Expected a number from 1 to ${question.choices.length}.` : "Expected y or n.";
}

function stopped(): K3osError {
  return new K3osError("interrupted", "stopped; nothing was changed");
}

/**
 * Draws a prompt over its last drawing. It remembers only the number of lines, so the size of the terminal does not
 * matter.
 */
class Painter {
  readonly #terminal: Terminal;
  #cursorLine = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  paint({ lines, cursor }: Screen): void {
    const up = lines.length - 1 - cursor.line;
    this.#terminal.write(
      `${this.#toTop()}${lines.join("\r\n")}${up > 0 ? `\x1b[${up}A` : ""}\r${cursor.column > 0 ? `\x1b[${cursor.column}C` : ""}`,
    );
    this.#cursorLine = cursor.line;
  }

  /** Replaces the prompt by one line. */
  finish(line: string): void {
    this.#terminal.write(`${this.#toTop()}${line}\r\n`);
    this.#cursorLine = 0;
  }

  #toTop(): string {
    return `\r${this.#cursorLine > 0 ? `\x1b[${this.#cursorLine}A` : ""}\x1b[J`;
  }
}
