/** Where long work tells how far it is. The terminal, a log and tests each have one. */
export interface Progress {
  /** Begins a step. Steps may run side by side; each is ended once, by `done` or `fail`, or by nobody if it was stopped. */
  step(title: string): ProgressStep;
}

export interface ProgressStep {
  /** Replaces the detail behind the title, such as a counter. May be called often: displays throttle. */
  update(detail: string): void;
  /** The step is complete; `note` says what came of it ("cached", "49 MB"). */
  done(note?: string): void;
  /** The step failed; `logPath` is the whole path of its log, when it has one. */
  fail(logPath?: string): void;
}

/** A progress that nobody watches. */
export const silent: Progress = {
  step: () => ({ update: () => {}, done: () => {}, fail: () => {} }),
};
