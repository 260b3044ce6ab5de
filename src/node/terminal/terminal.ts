/**
 * Where a user types: a screen, a serial line, a pipe. `quickjs.ts` implements it on the node, `memory.ts` in tests.
 */
export interface Terminal {
  /** `keys`: each key arrives as it is pressed, and the cursor can be moved. `lines`: neither (TERM=dumb, a pipe). */
  readonly mode: "keys" | "lines";
  /** Width in characters; 80 if unknown, as on a serial line. */
  readonly columns: number;
  /** Whether Ctrl-C was pressed since the last `read`. Running programs got SIGINT, too. */
  readonly interrupted: boolean;
  write(text: string): void;
  /**
   * The next input, at least one character; "\x03" for Ctrl-C, `undefined` at the end of the input. With a timeout: ""
   * if nothing was typed in time.
   */
  read(timeoutMs?: number): Promise<string | undefined>;
  /** In mode `lines`: whether typed text is visible. In mode `keys` the caller draws it. */
  showTyping(visible: boolean): Promise<void>;
  /** Restores the terminal's settings. */
  close(): Promise<void>;
}

/** Opens the terminal of this process. */
export type OpenTerminal = () => Promise<Terminal>;
