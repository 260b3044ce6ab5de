import type { Config } from "../../config/index.ts";
import { K3osError } from "../../errors.ts";
import { type Host, HostError } from "../../host/host.ts";
import { ChannelError } from "../../image/index-json.ts";
import { silent } from "../../progress.ts";
import { readNote } from "../agent/note.ts";
import { reasonOf } from "../failure.ts";
import { logToKernel } from "../kernel-log.ts";
import { type AutoNote, lastAuto, noteAuto } from "./auto-note.ts";
import { GivenUp } from "./judge.ts";
import { isClockRight, spanOf } from "./spans.ts";
import { restartIntoTrial, type Upgraded, upgrade } from "./upgrade.ts";
import type { Span } from "./window.ts";

const HOUR_S = 3600;
/** So that not all nodes ask at once. */
const SPREAD_S = 600;
/** The trial begins within this time after the window opens. */
const START_WITHIN_S = 300;
/** When what hinders an upgrade may be over soon. */
const SOON_S = 600;

/** What `autoUpgrade` goes by besides the host; tests have their own. */
export interface AutoTools {
  readonly upgrade: typeof upgrade;
  readonly restart: typeof restartIntoTrial;
  /** From 0 to below 1. */
  readonly random: () => number;
}

const TOOLS: AutoTools = { upgrade, restart: restartIntoTrial, random: Math.random };

/**
 * One look at the channel: a newer image is staged at once, and tried when the window is open. An image that was given
 * up is not tried again. What was done, or why nothing was done, is noted for `k3os status`, and logged when it
 * changes. Returns the seconds until the next look.
 */
export async function autoUpgrade(host: Host, config: Config, tools: AutoTools = TOOLS): Promise<number> {
  const { note, span } = await look(host, config, tools);
  const before = lastAuto(host);
  noteAuto(host, { at: host.now(), ...note });
  if (before?.message !== note.message) logToKernel(host, `auto: ${note.message}`);
  if (note.state === "Restarting") await tools.restart(host);
  return Math.ceil(delay(note.state, span, host.now() / 1000, tools.random));
}

interface Found {
  readonly note: Omit<AutoNote, "at">;
  /** The window that is open, or the next one; none if it is always open, or not known. */
  readonly span?: Span | undefined;
}

async function look(host: Host, config: Config, { upgrade: obtain }: AutoTools): Promise<Found> {
  let span: Span | undefined;
  try {
    const { imageFrom } = readNote(host);
    if (imageFrom !== undefined) {
      return { note: { state: "Pool", message: `the MachinePool ${imageFrom} chooses the image of this node` } };
    }
    // With a wrong clock neither an index that has expired nor a window tells anything.
    if (!(await isClockRight(host))) return { note: waiting("no time server has answered since the clock was wrong") };
    const options = { place: undefined, version: undefined, reboot: true, allowDowngrade: false, retry: false };
    const staged = await obtain(host, config, { ...options, stageOnly: true }, silent);
    if (staged.state === "current") return { note: { state: "UpToDate", message: `${staged.version} is the latest` } };
    const { window } = config.k3os?.upgrade ?? {};
    span = window && (await spanOf(host, window));
    if (span !== undefined && span.start > host.now() / 1000) return { note: stagedUntil(staged, span), span };
    const { version } = await obtain(host, config, { ...options, stageOnly: false }, silent);
    return { note: { state: "Restarting", message: `${version} is tried` }, span };
  } catch (error) {
    if (!(error instanceof K3osError || error instanceof HostError)) throw error;
    return { note: { state: stateOf(error), message: reasonOf(error) }, span };
  }
}

const waiting = (message: string) => ({ state: "Waiting", message });

function stagedUntil({ version }: Upgraded, { start }: Span): Omit<AutoNote, "at"> {
  const when = new Date(start * 1000).toISOString().slice(0, 16).replace("T", " ");
  return { state: "Staged", message: `${version} is staged, to be tried from ${when} UTC on` };
}

function stateOf(error: K3osError | HostError): string {
  if (error instanceof ChannelError) return error.reason;
  if (error instanceof GivenUp) return "GivenUp";
  return error instanceof K3osError && error.kind === "busy" ? "Waiting" : "Failed";
}

/** Seconds until the next look: about an hour, or soon after the window opens. */
function delay(state: string, span: Span | undefined, now: number, random: () => number): number {
  const soon = SOON_S + random() * START_WITHIN_S;
  if (state === "Waiting" || state === "Restarting") return soon;
  const usual = HOUR_S + random() * SPREAD_S;
  if (span === undefined || state !== "Staged") return state === "Failed" && span !== undefined ? soon : usual;
  return Math.min(usual, Math.max(span.start - now, 0) + random() * START_WITHIN_S);
}
