import type { ObjectMeta } from "./meta.ts";
import { isoTime } from "./time.ts";

/** The parts of a core/v1 Event that k3OS writes. */
export interface EventObject {
  readonly apiVersion: "v1";
  readonly kind: "Event";
  readonly metadata: ObjectMeta;
  readonly involvedObject: EventSubject;
  /** A word in CamelCase. */
  readonly reason: string;
  /** A sentence for people, of at most 1024 bytes. */
  readonly message: string;
  readonly type: "Normal" | "Warning";
  readonly count: 1;
  /** RFC 3339. */
  readonly firstTimestamp: string;
  readonly lastTimestamp: string;
  readonly source: { readonly component: string; readonly host: string };
  readonly reportingComponent: string;
  readonly reportingInstance: string;
}

/** What an event is about: an object without a namespace. */
export interface EventSubject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /** Without it, `kubectl describe` does not show the event. */
  readonly uid?: string;
}

/** What happened, for `eventOf`. */
export interface Occurrence {
  readonly subject: EventSubject;
  readonly reason: string;
  readonly message: string;
  readonly type: "Normal" | "Warning";
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Events about objects that have no namespace lie in this one. */
export const EVENTS_PATH = "/api/v1/namespaces/default/events";

/** The API takes 1024 bytes; of UTF-8, a unit of a JavaScript string has at most three. */
const MOST_MESSAGE = 340;

/**
 * The event that a node's agent posts. `number` tells events of the same moment apart: the name is the subject's with a
 * suffix, as all components of Kubernetes name theirs.
 */
export function eventOf({ subject, reason, message, type, at }: Occurrence, node: string, number: number): EventObject {
  const time = isoTime(at);
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: {
      name: `${subject.name}.${at.toString(16)}${(number % 0x1000).toString(16).padStart(3, "0")}`,
      namespace: "default",
    },
    involvedObject: subject,
    reason,
    message: message.length > MOST_MESSAGE ? `${message.slice(0, MOST_MESSAGE - 1)}…` : message,
    type,
    count: 1,
    firstTimestamp: time,
    lastTimestamp: time,
    source: { component: "k3os", host: node },
    reportingComponent: "k3os.io/agent",
    reportingInstance: node,
  };
}
