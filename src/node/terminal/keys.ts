/** A key, or a piece of typed or pasted text. */
export type Key =
  | { readonly name: "text"; readonly text: string }
  | {
      readonly name:
        | "up"
        | "down"
        | "left"
        | "right"
        | "home"
        | "end"
        | "enter"
        | "escape"
        | "backspace"
        | "delete"
        | "clear"
        | "interrupt"
        | "end-of-input"
        | "unknown";
    };

const CONTROL: Readonly<Record<string, Key["name"]>> = {
  "\r": "enter",
  "\n": "enter",
  "\x7f": "backspace",
  "\b": "backspace",
  "\x01": "home",
  "\x05": "end",
  "\x02": "left",
  "\x06": "right",
  "\x10": "up",
  "\x0e": "down",
  "\x15": "clear",
  "\x03": "interrupt",
  "\x04": "end-of-input",
};

/** What follows `ESC [` or `ESC O` (ECMA-48, xterm and the Linux console). */
const SEQUENCES: Readonly<Record<string, Key["name"]>> = {
  A: "up",
  B: "down",
  C: "right",
  D: "left",
  H: "home",
  F: "end",
  "1~": "home",
  "7~": "home",
  "4~": "end",
  "8~": "end",
  "3~": "delete",
};

export interface DecodedKeys {
  readonly keys: readonly Key[];
  /** The beginning of an escape sequence whose end has not arrived. */
  readonly rest: string;
}

/** Decodes the characters that a terminal sends. */
export function decodeKeys(input: string): DecodedKeys {
  const keys: Key[] = [];
  for (let at = 0; at < input.length; ) {
    const rest = input.slice(at);
    if (rest[0] === "\x1b") {
      const [sequence, end] = /^\x1b[[O]([0-9;?]*[ -/]*[@-~])/.exec(rest) ?? [];
      if (sequence === undefined && /^\x1b([[O][0-9;?]*[ -/]*)?$/.test(rest)) return { keys, rest };
      keys.push(named(sequence === undefined ? "escape" : (SEQUENCES[end ?? ""] ?? "unknown")));
      at += sequence?.length ?? 1;
      continue;
    }
    const typed = /^[^\x00-\x1f\x7f]+/.exec(rest)?.[0];
    if (typed !== undefined) keys.push({ name: "text", text: typed });
    else keys.push(named(CONTROL[rest[0] ?? ""] ?? "unknown"));
    at += typed?.length ?? 1;
  }
  return { keys, rest: "" };
}

function named(name: Key["name"]): Key {
  return { name } as Key;
}
