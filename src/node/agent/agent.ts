import { decide } from "../../management/decide.ts";
import type { Decision } from "../../management/decision.ts";
import type { Observed } from "../../management/observed.ts";
import { isStalled, machineStatus } from "../../management/status.ts";
import { act, Conflict, noteSetback, Restarting, tell } from "./act.ts";
import { ApiTrouble } from "./answer.ts";
import { type AgentMemory, newMemory } from "./memory.ts";
import { type AgentTools, observe } from "./observe.ts";

/** Between two writes of the own status. */
const TELL_EVERY_MS = 1000;
/** After somebody else was faster. */
const CONFLICT_MS = [50, 500] as const;
/** While the API is away: doubled each time. */
const AWAY_MS = [1000, 60_000] as const;
/** More steps than any change takes, without a pause: something goes in circles. */
const MOST_STEPS = 50;
/** A machine that was told to restart, and has not by then, is told again. */
const RESTART_MS = 300_000;

/**
 * The agent: looks, decides, takes one step, and looks again. Ends only when the machine is about to stop, or after a
 * restart that did not happen.
 */
export async function runAgent(tools: AgentTools, memory: AgentMemory = newMemory()): Promise<void> {
  const { own, watches } = tools;
  while (!watches.isSynced()) await watches.next(AWAY_MS[1]);
  let away = 0;
  let steps = 0;
  for (;;) {
    try {
      const pause = await takeStep(tools, memory);
      away = 0;
      steps = pause > 0 ? 0 : steps + 1;
      if (pause > 0) await watches.next(pause);
      else if (steps > MOST_STEPS) await own.sleep(TELL_EVERY_MS);
    } catch (error) {
      if (error instanceof Restarting) return own.sleep(RESTART_MS);
      if (error instanceof Conflict) await own.sleep(between(CONFLICT_MS, own.random()));
      else if (error instanceof ApiTrouble) {
        const most = Math.min(AWAY_MS[0] * 2 ** away++, AWAY_MS[1]);
        await own.sleep(between([most / 2, most], own.random()));
      } else throw error;
    }
  }
}

/** One step. Returns how long to wait for a change before the next one; 0: not at all. */
export async function takeStep(tools: AgentTools, memory: AgentMemory): Promise<number> {
  const { own } = tools;
  const observed = await observe(tools, memory);
  const decision = decide(observed);
  const before = memory.state;
  const isNew = noteState(memory, observed, decision);
  await tellOf(tools, observed, decision, isNew && before !== undefined);
  if (!decision.passing) await tellIfNew(tools, memory, observed, decision);
  try {
    await act(decision.action, tools, memory, observed);
  } catch (error) {
    if (error instanceof Conflict || error instanceof ApiTrouble || error instanceof Restarting) throw error;
    noteSetback(error, decision.action, memory, own.now());
  }
  return decision.action.kind === "Nothing" && !isNew ? decision.again : 0;
}

/** Whether the state is another one than before. The summary of the pool goes by it. */
function noteState(memory: AgentMemory, { local, now }: Observed, { passing, reason }: Decision): boolean {
  const word = `${reason} ${local.image.digest}`;
  if (passing || memory.state?.word === word) return false;
  memory.state = { word, since: now };
  return true;
}

/** For `kubectl describe`: what has happened. What was so already when this process began is no news. */
async function tellOf(
  { events, own }: AgentTools,
  { machine }: Observed,
  { action, reason, message }: Decision,
  isNews: boolean,
): Promise<void> {
  if (events === undefined || machine === undefined) return;
  const isEnd = action.kind === "End" && action.done;
  if (isNews || isEnd) {
    const { name, uid } = machine.metadata;
    const subject = { apiVersion: machine.apiVersion, kind: machine.kind, name, ...(uid !== undefined && { uid }) };
    const word = isEnd && reason === "OnTrial" ? "Committed" : reason;
    events.record(subject, word, message, isStalled(reason) ? "Warning" : "Normal");
  }
  for (const flaw of await events.post()) own.log(`an event is lost: ${flaw}`);
}

/** Tells how this Machine is, before anything is done: what others may do depends on it. */
async function tellIfNew(
  tools: AgentTools,
  memory: AgentMemory,
  observed: Observed,
  decision: Decision,
): Promise<void> {
  const { own } = tools;
  const status = machineStatus(observed, decision);
  if (status === undefined || observed.machine === undefined) return;
  const since = own.now() - (memory.toldAt ?? Number.NEGATIVE_INFINITY);
  if (since >= 0 && since < TELL_EVERY_MS) await own.sleep(TELL_EVERY_MS - since);
  await tell(tools, memory, observed.machine, status);
}

function between([least, most]: readonly [number, number], random: number): number {
  return Math.round(least + random * (most - least));
}
