/**
 * What went wrong, decided where it is noticed. The command lines translate it once to an exit status
 * (`src/cli/exit.ts`, `src/node/cli/main.ts`), the node to a line on the console.
 */
export type ErrorKind =
  /** The command line cannot be understood. */
  | "usage"
  /** A file that a user wrote is wrong. */
  | "config"
  /** The host lacks something: a tool, space, memory, a free port, a permission. */
  | "host"
  /** Something remote did not answer, or answered wrongly. */
  | "network"
  /** Fetched or stored bytes are not the expected ones. */
  | "integrity"
  /** Somebody else holds what is needed: a name, a lock, a port. */
  | "busy"
  /** A build step failed. */
  | "build"
  /** A machine did not do what it should: panic, never Ready. */
  | "machine"
  /** The user stopped it. */
  | "interrupted";

export interface ErrorOptions {
  /** The way out, as a sentence for the user. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** An expected failure: one sentence for the user and a way out. Anything else that is thrown is a bug. */
export class K3osError extends Error {
  readonly kind: ErrorKind;
  readonly hint: string | undefined;

  constructor(kind: ErrorKind, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "K3osError";
    this.kind = kind;
    this.hint = options.hint;
  }
}

/** The reason to stop with when the user presses Ctrl-C. */
export function interrupted(): K3osError {
  return new K3osError("interrupted", "Interrupted.");
}
