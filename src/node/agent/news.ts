import type { Host } from "../../host/host.ts";

/** Raised once, and awaited by any number. */
export class Flag {
  raise: () => void = () => {};
  readonly raised = new Promise<void>((resolve) => {
    this.raise = resolve;
  });
}

/** Whoever waits for so long does not mind a minute. */
const ROUGH_MS = 300_000;

/** Whether there is something new, and waiting for it. */
export class News {
  readonly #host: Host;
  #isNew = false;
  #told = new Flag();
  /** The timer that rings next. A host's timers cannot be taken back, so one is used by all who wait. */
  #alarm: { readonly at: number; readonly rung: Promise<void> } | undefined;

  constructor(host: Host) {
    this.#host = host;
  }

  tell(): void {
    this.#isNew = true;
    this.#told.raise();
  }

  /** Whether there was something new. From now on it is old. */
  take(): boolean {
    const wasNew = this.#isNew;
    if (wasNew) this.#told = new Flag();
    this.#isNew = false;
    return wasNew;
  }

  /** `take` at the first news, or after `timeoutMs`. */
  async next(timeoutMs: number): Promise<boolean> {
    const deadline = this.#host.monotonic() + timeoutMs;
    while (!this.#isNew && this.#host.monotonic() < deadline) {
      await Promise.race([this.#told.raised, this.#alarmBy(deadline)]);
    }
    return this.take();
  }

  #alarmBy(deadline: number): Promise<void> {
    const now = this.#host.monotonic();
    const { at, rung } = this.#alarm ?? { at: 0, rung: Promise.resolve() };
    if (at > now && at <= deadline) return rung;
    const left = deadline - now;
    const alarm = { at: deadline, rung: this.#host.sleep(left, { roughly: left >= ROUGH_MS }) };
    this.#alarm = alarm;
    return alarm.rung;
  }
}
