import { parentOf, readJsonIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { NODE_DATA } from "../places.ts";

/** What a node that upgrades itself did last, and why. */
export interface AutoNote {
  /** Milliseconds since 1970. */
  readonly at: number;
  /**
   * `UpToDate`, `Staged`, `Restarting`; `Waiting` for a clock or for something else that is at work; `GivenUp` an image
   * before; `Pool`: a MachinePool chooses the image instead; the reason of a channel (`ChannelReason`); `Failed`.
   */
  readonly state: string;
  /** One sentence, without a full stop. */
  readonly message: string;
}

/** Beside what the node remembers of channels. */
const NOTE = `${NODE_DATA}/upgrade/auto.json`;

/** What was done last; `undefined` if the node has not looked yet. */
export function lastAuto(host: Host): AutoNote | undefined {
  return (readJsonIf(host, NOTE) as AutoNote | undefined) ?? undefined;
}

export function noteAuto(host: Host, note: AutoNote): void {
  host.mkdir(parentOf(NOTE), { mode: 0o700 });
  host.write(NOTE, `${JSON.stringify(note)}\n`, { mode: 0o600 });
}
