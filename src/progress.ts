/** Where long work tells how far it is. The terminal, a log and tests each have one. */
export interface Progress {
  /** Begins a step. Steps may run side by side. Each ends once, by `done` or `fail`. A stopped step ends by neither. */
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

/** Does `work` as one step of `progress`. The step fails if `work` throws; else it is done, with what `note` says. */
export async function inStep<T>(
  progress: Progress,
  title: string,
  work: (step: ProgressStep) => Promise<T>,
  note: () => string | undefined = () => undefined,
): Promise<T> {
  const step = progress.step(title);
  try {
    const result = await work(step);
    step.done(note());
    return result;
  } catch (error) {
    step.fail();
    throw error;
  }
}
