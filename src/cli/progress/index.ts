import { K3osError } from "../../errors.ts";
import type { Progress } from "../../progress.ts";
import { canRedraw, hasColours, type Io } from "../io.ts";
import { liveProgress } from "./live.ts";
import { plainProgress } from "./plain.ts";

export interface Display extends Progress {
  /** Ends the display. Steps that are not complete are shown as stopped. */
  close(): void;
}

/**
 * Shows the progress of some work on the display that fits: live on a terminal, otherwise one line per step. With
 * `--json`, progress goes to stderr, because stdout is for the result.
 */
export async function withProgress<T>(io: Io, json: boolean, work: (progress: Progress) => Promise<T>): Promise<T> {
  const output = json ? io.stderr : io.stdout;
  const display = canRedraw(output, io.env) ? liveProgress(output, hasColours(output, io.env)) : plainProgress(output);
  try {
    return await work(display);
  } finally {
    display.close();
  }
}

/** Shows work as one step. It ends with the note that the work returns, or as failed. */
export async function asStep<T>(
  progress: Progress,
  title: string,
  work: (update: (detail: string) => void) => Promise<T>,
  note?: (result: T) => string,
): Promise<T> {
  const step = progress.step(title);
  try {
    const result = await work((detail) => step.update(detail));
    step.done(note?.(result));
    return result;
  } catch (error) {
    // An interrupted step has not failed; the display shows it as stopped.
    if (!(error instanceof K3osError && error.kind === "interrupted")) step.fail();
    throw error;
  }
}
