import type { Terminal } from "./terminal.ts";

export interface MemoryTerminal extends Terminal {
  /** Everything that was written. */
  readonly written: string;
  /** Whether `close` was called. */
  readonly closed: boolean;
  /** Text that was typed while `showTyping` was off. */
  readonly unseen: string;
  /** What was written while it was off. */
  readonly writtenUnseen: string;
}

/** A terminal for tests. Each read returns the next piece of input; after the last piece the input ends. */
export function memoryTerminal(
  pieces: readonly string[],
  mode: Terminal["mode"] = "keys",
  columns = 80,
): MemoryTerminal {
  const left = [...pieces];
  let visible = true;
  const terminal = {
    mode,
    columns,
    interrupted: false,
    written: "",
    unseen: "",
    writtenUnseen: "",
    closed: false,
    write: (text: string) => {
      terminal.written += text;
      if (!visible) terminal.writtenUnseen += text;
    },
    read: async (timeoutMs?: number) => {
      // A read with a timeout gets nothing: the next piece is typed later.
      if (timeoutMs !== undefined) return "";
      const piece = left.shift();
      if (!visible) terminal.unseen += piece ?? "";
      return piece;
    },
    showTyping: async (on: boolean) => {
      visible = on;
    },
    close: async () => {
      terminal.closed = true;
    },
  };
  return terminal;
}
