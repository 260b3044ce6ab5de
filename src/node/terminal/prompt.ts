/** How a question is drawn, and how keys change it. Pure: nothing here reads or writes. */
import type { Key } from "./keys.ts";
import { type Answer, BACK, type Question } from "./question.ts";

export interface PromptState {
  /** The selected line of a choice. */
  readonly index: number;
  /** The typed text, as characters. */
  readonly typed: readonly string[];
  /** The position of the cursor in it. */
  readonly cursor: number;
  /** Why the last answer was refused, or that it is being checked. */
  readonly note: string | undefined;
}

export type Pressed =
  | { readonly state: PromptState }
  | { readonly answer: Answer }
  | { readonly answer: typeof BACK }
  | { readonly cancelled: true };

export function startPrompt(question: Question): PromptState {
  const typed = question.kind === "text" ? [...(question.initial ?? "")] : [];
  const chosen = question.kind === "choice" ? question.choices.findIndex(({ value }) => value === question.initial) : 0;
  return { index: Math.max(chosen, 0), typed, cursor: typed.length, note: undefined };
}

export function press(question: Question, state: PromptState, key: Key): Pressed {
  if (key.name === "interrupt") return { cancelled: true };
  if (key.name === "escape") return { answer: BACK };
  switch (question.kind) {
    case "choice":
      return pressInChoice(question.choices, state, key);
    case "confirm":
      if (key.name === "enter") return { answer: question.initial };
      if (key.name === "text" && /^[yn]/i.test(key.text)) return { answer: /^y/i.test(key.text) };
      return { state };
    case "text":
      if (key.name === "end-of-input" && state.typed.length === 0) return { cancelled: true };
      return key.name === "enter" ? { answer: state.typed.join("") } : { state: edit(state, key) };
  }
}

function pressInChoice(choices: readonly { readonly value: string }[], state: PromptState, key: Key): Pressed {
  const move = (by: number) => ({ state: { ...state, index: (state.index + by + choices.length) % choices.length } });
  switch (key.name) {
    case "up":
      return move(-1);
    case "down":
      return move(1);
    case "home":
      return { state: { ...state, index: 0 } };
    case "end":
      return { state: { ...state, index: choices.length - 1 } };
    case "enter":
      return { answer: choices[state.index]?.value ?? "" };
    case "text": {
      const number = /^[1-9]$/.test(key.text) ? Number(key.text) - 1 : state.index;
      return { state: { ...state, index: Math.min(number, choices.length - 1) } };
    }
    default:
      return { state };
  }
}

function edit(state: PromptState, key: Key): PromptState {
  const { typed, cursor } = state;
  const changed = { ...state, note: undefined };
  const at = (position: number) => ({ ...state, cursor: Math.max(0, Math.min(typed.length, position)) });
  switch (key.name) {
    case "left":
      return at(cursor - 1);
    case "right":
      return at(cursor + 1);
    case "home":
      return at(0);
    case "end":
      return at(typed.length);
    case "clear":
      return { ...changed, typed: [], cursor: 0 };
    case "backspace":
      return cursor === 0 ? state : { ...changed, typed: typed.toSpliced(cursor - 1, 1), cursor: cursor - 1 };
    case "delete":
      return { ...changed, typed: typed.toSpliced(cursor, 1) };
    case "text": {
      const added = [...key.text];
      return { ...changed, typed: typed.toSpliced(cursor, 0, ...added), cursor: cursor + added.length };
    }
    default:
      return state;
  }
}

export interface Screen {
  readonly lines: readonly string[];
  /** Line and column of the cursor, both from 0. */
  readonly cursor: { readonly line: number; readonly column: number };
}

/** The lines of a prompt. None is longer than the terminal is wide, because a wrapped line cannot be redrawn. */
export function render(question: Question, state: PromptState, columns: number): Screen {
  const width = columns - 1;
  const note = state.note === undefined ? [] : wrap(state.note, width);
  if (question.kind === "choice") {
    const choices = question.choices.map(({ label }, index) =>
      cut(`${index === state.index ? ">" : " "} ${index + 1}. ${label}`, width),
    );
    const lines = [cut(question.title, width), ...choices, ...note, cut(KEYS_OF_CHOICE, width)];
    return { lines, cursor: { line: state.index + 1, column: 0 } };
  }
  if (question.kind === "confirm") {
    const line = cut(`${question.title} [${question.initial ? "Y/n" : "y/N"}] `, width);
    return { lines: [line, ...note], cursor: { line: 0, column: line.length } };
  }
  const title = labelOf(question);
  const head = title.length > width / 2 ? [cut(question.title, width)] : [];
  const label = head.length > 0 ? "> " : title;
  const room = width - label.length;
  const from = Math.max(0, state.cursor - room + 1);
  const shown = state.typed.slice(from, from + room).map((character) => (question.secret ? "*" : character));
  const help = question.help === undefined ? [] : wrap(question.help, width);
  return {
    lines: [...head, label + shown.join(""), ...note, ...help],
    cursor: { line: head.length, column: label.length + state.cursor - from },
  };
}

const KEYS_OF_CHOICE = "  Up/Down: choose   Enter: accept   Esc: back   Ctrl-C: quit";

/** The line that stays on the screen after the answer. */
export function answered(question: Question, answer: Answer | typeof BACK, columns: number): string {
  return cut(`${labelOf(question)}${answer === BACK ? "(back)" : answerText(question, answer)}`, columns - 1);
}

/** The label before an answer. A question mark gets no colon. */
export function labelOf({ title }: Question): string {
  return title.endsWith("?") ? `${title} ` : `${title}: `;
}

function answerText(question: Question, answer: Answer): string {
  if (question.kind === "confirm") return answer === true ? "yes" : "no";
  if (question.kind === "choice") return question.choices.find(({ value }) => value === answer)?.label ?? "";
  return question.secret && answer !== "" ? "(hidden)" : String(answer);
}

/** Indented lines that are not longer than `width`, broken between words. */
function wrap(text: string, width: number): string[] {
  return text.split("\n").flatMap((line) => {
    const lines = [" "];
    for (const word of line.split(" ")) {
      const longer = `${lines.at(-1)} ${word}`;
      if (longer.length <= width || lines.at(-1) === " ") lines[lines.length - 1] = cut(longer, width);
      else lines.push(cut(`  ${word}`, width));
    }
    return lines;
  });
}

function cut(line: string, width: number): string {
  return line.length <= width ? line : `${line.slice(0, width - 1)}~`;
}
