/** What a node's `k3os status --json` says of an upgrade: pure. */

/** What is read of the status. */
export interface NodeStatus {
  readonly version?: string;
  readonly ready?: string;
  readonly checks?: readonly { readonly good: boolean; readonly message: string }[];
  readonly slots?: readonly {
    readonly slot: string;
    readonly version: string;
    readonly state: string;
    readonly running: boolean;
  }[];
  readonly last_upgrade?: LastUpgrade;
}

interface LastUpgrade {
  readonly version: string;
  readonly digest: string;
  readonly result: "committed" | "returned";
  /** Milliseconds since 1970, by the node's clock. */
  readonly at: number;
  readonly reason?: string;
  readonly stage?: string;
  readonly downtime_s?: number;
}

/** What the node was told to try. */
export interface Tried {
  readonly version: string;
  readonly digest: string;
  /** `last_upgrade.at` before that. */
  readonly before: number | undefined;
}

export interface Outcome {
  readonly kept: boolean;
  readonly version: string;
  /** What runs now. */
  readonly runs: string;
  readonly reason?: string;
  readonly stage?: string;
  readonly downtime_s?: number;
}

/**
 * How the upgrade ended; `undefined` if that is not decided, or if the machine has yet to restart into the image that
 * it goes back to.
 */
export function outcomeOf(status: NodeStatus, { digest, before }: Tried): Outcome | undefined {
  const last = status.last_upgrade;
  const running = status.slots?.find((slot) => slot.running);
  if (last?.digest !== digest || last.at === before || running?.state !== "current") return undefined;
  const { version, result, reason, stage, downtime_s } = last;
  return {
    ...{ kept: result === "committed", version, runs: running.version },
    ...(reason !== undefined && { reason }),
    ...(stage !== undefined && { stage }),
    ...(downtime_s !== undefined && { downtime_s }),
  };
}

/** What the machine does now; `undefined` as the status if it does not answer. */
export function phaseOf(status: NodeStatus | undefined): string {
  const running = status?.slots?.find((slot) => slot.running);
  if (status === undefined || running === undefined) return "the machine restarts";
  if (running.state === "refused") return `${running.version} is given up, the machine restarts`;
  if (running.state !== "trial") return `${running.version} runs`;
  const bad = status.checks?.find(({ good }) => !good);
  const health = bad?.message ?? (status.ready === "True" ? "Ready, to be kept when it is stable" : "not Ready yet");
  return `${running.version} is on trial: ${health}`;
}

/** `k3s: it did not start, at stage services`. */
export function whyGivenUp({ reason = "no reason was noted", stage }: Outcome): string {
  return stage === undefined ? reason : `${reason} (at stage ${stage})`;
}
