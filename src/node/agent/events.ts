import type { Host } from "../../host/host.ts";
import { EVENTS_PATH, type EventObject, type EventSubject, eventOf } from "../../kubernetes/event.ts";
import type { ApiAnswer, ApiClient } from "./client.ts";

/** Tells what happened to an object, for `kubectl describe` and `kubectl events`. */
export interface EventRecorder {
  /** Notes what happened, unless it is what was last noted of this object. Does not wait for the API. */
  record(subject: EventSubject, reason: string, message: string, type?: "Normal" | "Warning"): void;
  /**
   * Posts what is noted. What the API cannot take now stays noted. Returns why it refuses what it will never take, and
   * that events were lost because the API was away for too long.
   */
  post(): Promise<readonly string[]>;
}

/** More are not kept while the API is away: the oldest go. */
const MOST_WAITING = 50;

export function eventRecorder(host: Host, client: ApiClient, node: string): EventRecorder {
  const last = new Map<string, string>();
  let waiting: readonly EventObject[] = [];
  let recorded = 0;
  let lost = 0;
  return {
    record(subject, reason, message, type = "Normal") {
      const key = `${subject.kind}/${subject.name}`;
      const text = `${reason} ${message}`;
      if (last.get(key) === text) return;
      last.set(key, text);
      const all = [...waiting, eventOf({ subject, reason, message, type, at: host.now() }, node, recorded++)];
      waiting = all.slice(-MOST_WAITING);
      lost += all.length - waiting.length;
    },
    async post() {
      const flaws: string[] = [];
      for (let event = waiting[0]; event !== undefined; event = waiting[0]) {
        const answer = await client.post(EVENTS_PATH, event);
        if (isForLater(answer)) return flaws;
        if (answer.reason !== "" && answer.status !== ALREADY_EXISTS) flaws.push(answer.reason);
        waiting = waiting.filter((other) => other !== event);
      }
      if (lost > 0) flaws.push(`${lost} events were lost while the API was away.`);
      lost = 0;
      return flaws;
    },
  };
}

/** An event that was posted, although its answer was lost. */
const ALREADY_EXISTS = 409;

/** No answer, no access yet, too many requests, or the server's own trouble. */
function isForLater({ status }: ApiAnswer): boolean {
  return status === 0 || status === 401 || status === 429 || status >= 500;
}
