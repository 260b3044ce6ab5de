/**
 * Where somebody types: a screen, a serial line, a pipe. `quickjs.ts` is the one of the node, `memory.ts` the one of tests.
 */
export interface Terminal {
  /** `keys`: each key arrives as it is pressed, and the cursor can be moved. `lines`: neither (TERM=dumb, a pipe). */
  readonly mode: "keys" | "lines";
  /** Width in characters; 80 where nobody knows, as on a serial line. */
  readonly columns: number;
  /** Whether Ctrl-C was pressed since the last `read`. What runs meanwhile has got SIGINT, too. */
  readonly interrupted: boolean;
  write(text: string): void;
  /**
   * What is typed next, at least one character; "\x03" for Ctrl-C, `undefined` at the end of the input. With a timeout: "" when
   * nothing came meanwhile.
   */
  read(timeoutMs?: number): Promise<string | undefined>;
  /** In mode `lines`: whether what is typed can be seen. In mode `keys` it is for us to show. */
  showTyping(visible: boolean): Promise<void>;
  /** Leaves the terminal as it was found. */
  close(): Promise<void>;
}

/** Opens the terminal of this process. */
export type OpenTerminal = () => Promise<Terminal>;
