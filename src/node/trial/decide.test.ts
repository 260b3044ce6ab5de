import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Course, decide, due, type FailedCheck, follow, inWords, type Look, type Rules } from "./decide.ts";

const server: Rules = { role: "server", deadlineS: 600, stableForS: 30 };
const agent: Rules = { ...server, role: "agent" };

type State = Omit<Look, "at">;
const good = { good: true, reason: "Ready" };
const base = { local: good, restarts: 0, neighbour: undefined };
const node = (status: "True" | "False" | "Unknown", message = "") =>
  ({ answers: true, node: { type: "Ready", status, message } }) as const;
const away = { answers: false, reason: "Connection refused", refused: false } as const;

const ready: State = { ...base, api: node("True") };
const notReady: State = { ...base, api: node("False", "no network") };
const unheard: State = { ...base, api: node("Unknown") };
const strange: State = { ...base, api: { answers: true, node: undefined } };
const noApi: State = { ...base, api: away, neighbour: true };
const refused: State = { ...base, api: { ...away, reason: "it says 401", refused: true }, neighbour: undefined };
const deaf: State = { ...base, api: away, neighbour: false };
const bad: State = { ...base, local: { good: false, reason: "containerd does not answer" }, api: undefined };
const restarted: State = { ...ready, restarts: 1 };

/** The course of a node: from each time on, it was in this state. A look every five seconds, the last one at `end`. */
function course(end: number, ...states: readonly (readonly [from: number, state: State])[]): Course {
  let so: Course | undefined;
  for (let at = states[0]?.[0] ?? 0; at < end; at += 5) so = follow(so, { at, ...stateAt(at, states) });
  return follow(so, { at: end, ...stateAt(end, states) });
}

function stateAt(at: number, states: readonly (readonly [number, State])[]): State {
  return states.findLast(([from]) => from <= at)?.[1] ?? bad;
}

type Row = readonly [about: string, rules: Rules, course: Course, expected: string];

const rows: readonly Row[] = [
  // Local bad until the deadline: return.
  ["bad before the deadline", server, course(599, [20, bad]), "wait: containerd does not answer"],
  ["bad until then", server, course(600, [20, bad]), "return: not Ready within 10 min: containerd does not answer"],
  ["bad on an agent", agent, course(600, [20, bad]), "return: not Ready within 10 min: containerd does not answer"],
  [
    "bad at the end only",
    server,
    course(610, [20, notReady], [605, bad]),
    "return: not Ready within 10 min: containerd does not answer",
  ],
  // The API answers, and the node is Ready for long enough: commit.
  ["Ready for the first time", server, course(40, [20, bad], [40, ready]), "wait: Ready, stable for 0 of 30 s"],
  ["Ready for a while", server, course(52, [20, bad], [40, ready]), "wait: Ready, stable for 12 of 30 s"],
  ["Ready for long enough", server, course(70, [20, bad], [40, ready]), "commit: Ready for 30 s"],
  ["Ready for long enough on an agent", agent, course(70, [20, bad], [40, ready]), "commit: Ready for 30 s"],
  ["no time to be stable asked for", { ...server, stableForS: 0 }, course(40, [40, ready]), "commit: Ready for 0 s"],
  [
    "a break in between",
    server,
    course(75, [40, ready], [60, notReady], [65, ready]),
    "wait: Ready, stable for 10 of 30 s",
  ],
  [
    "a request that failed",
    server,
    course(75, [40, ready], [60, noApi], [65, ready]),
    "wait: Ready, stable for 10 of 30 s",
  ],
  [
    "k3s restarted between two looks",
    server,
    course(75, [40, ready], [60, restarted]),
    "wait: Ready, stable for 15 of 30 s",
  ],
  [
    "Ready since just before the deadline",
    server,
    course(605, [20, bad], [590, ready]),
    "wait: Ready, stable for 15 of 30 s",
  ],
  ["stable just after the deadline", server, course(620, [20, bad], [590, ready]), "commit: Ready for 30 s"],
  [
    "a break after the deadline",
    server,
    course(610, [20, bad], [590, ready], [605, notReady]),
    "return: not Ready within 10 min: the node is not Ready: no network",
  ],
  [
    "k3s restarted after the deadline",
    server,
    course(610, [20, bad], [590, ready], [605, restarted]),
    "return: not stable within 10 min: k3s was restarted once",
  ],
  [
    "k3s restarted again and again",
    server,
    course(600, ...[0, 1, 2, 3, 4, 5].map((n) => [500 + 20 * n, { ...ready, restarts: n }] as const)),
    "return: not stable within 10 min: k3s was restarted 5 times",
  ],
  // The API answers, and the node is not Ready until the deadline: return.
  ["not Ready yet", server, course(300, [20, notReady]), "wait: the node is not Ready: no network"],
  [
    "never Ready",
    server,
    course(600, [20, notReady]),
    "return: not Ready within 10 min: the node is not Ready: no network",
  ],
  [
    "never Ready on an agent",
    agent,
    course(600, [20, notReady]),
    "return: not Ready within 10 min: the node is not Ready: no network",
  ],
  [
    "a kubelet that nobody hears",
    agent,
    course(600, [20, unheard]),
    "return: not Ready within 10 min: the node is not Ready",
  ],
  [
    "not in the cluster",
    agent,
    course(600, [20, strange]),
    "return: not Ready within 10 min: the cluster does not have this node yet",
  ],
  // The API is away: the server's trouble, or its own.
  ["no API on an agent", agent, course(599, [20, noApi]), "wait: the API does not answer: Connection refused"],
  [
    "no API on an agent until the deadline",
    agent,
    course(600, [20, noApi]),
    "commit: healthy, but the API did not answer within 10 min; the network works",
  ],
  [
    "no API on a server until the deadline",
    server,
    course(600, [20, noApi]),
    "return: not Ready within 10 min: the API does not answer: Connection refused",
  ],
  [
    "an agent that became healthy late",
    agent,
    course(600, [20, bad], [580, noApi]),
    "return: not stable within 10 min: healthy for 20 of 30 s, and the API does not answer: Connection refused",
  ],
  [
    "an agent that the API refuses",
    agent,
    course(600, [20, noApi], [560, refused]),
    "return: not Ready within 10 min: the API refuses this node: it says 401",
  ],
  // Nothing is reachable: return.
  ["a deaf agent", agent, course(599, [20, deaf]), "wait: the API does not answer: Connection refused"],
  [
    "a deaf agent until the deadline",
    agent,
    course(600, [20, deaf]),
    "return: not Ready within 10 min: neither the API nor any neighbour on the network answers",
  ],
  [
    "an agent that became deaf",
    agent,
    course(600, [20, noApi], [530, deaf]),
    "return: not Ready within 10 min: neither the API nor any neighbour on the network answers",
  ],
  [
    "an agent whose neighbour missed a look",
    agent,
    course(600, [20, noApi], [560, deaf]),
    "commit: healthy, but the API did not answer within 10 min; the network works",
  ],
  [
    "a deaf server",
    server,
    course(600, [20, deaf]),
    "return: not Ready within 10 min: the API does not answer: Connection refused",
  ],
  // Somebody on the network answered before the trial.
  [
    "a server that its network has left",
    { ...server, needsNetwork: true },
    course(70, [20, { ...ready, neighbour: false }]),
    "wait: Ready, but nobody on the network answers",
  ],
  [
    "a server that nobody answered until the deadline",
    { ...server, needsNetwork: true },
    course(600, [20, { ...ready, neighbour: false }]),
    "return: cut off: nobody on the network has answered within 10 min",
  ],
  [
    "a server that somebody answers",
    { ...server, needsNetwork: true },
    course(70, [20, { ...ready, neighbour: true }]),
    "commit: Ready for 30 s",
  ],
  // Other limits.
  [
    "a deadline in seconds",
    { ...server, deadlineS: 150 },
    course(150, [20, bad]),
    "return: not Ready within 150 s: containerd does not answer",
  ],
];

describe("decide", () => {
  it.each(rows)("%s", (_, rules, so, expected) => {
    const { kind, reason } = decide(rules, so);
    expect(`${kind}: ${reason}`).toBe(expected);
  });

  const web: FailedCheck = { name: "web", said: "status 22" };

  it.each<readonly [string, Rules, Course, readonly FailedCheck[], string]>([
    ["waits for it", server, course(100, [40, ready]), [web], "wait: Ready, waiting for the check web: status 22"],
    [
      "returns at the deadline",
      server,
      course(600, [40, ready]),
      [web],
      "return: a check did not pass within 10 min: web: status 22",
    ],
    [
      "returns an agent without API",
      agent,
      course(600, [20, noApi]),
      [web],
      "return: a check did not pass within 10 min: web: status 22",
    ],
    ["commits once it passes", server, course(700, [40, ready]), [], "commit: Ready for 30 s"],
  ])("with a user's check that does not pass %s", (_, rules, so, failed, expected) => {
    const { kind, reason } = decide(rules, so, failed);
    expect(`${kind}: ${reason}`).toBe(expected);
  });
});

describe("a trial", () => {
  const states = fc.constantFrom(ready, notReady, unheard, noApi, deaf, bad);
  // How k3s is restarted meanwhile: never, once at the start of this part, or before each look.
  const restarts = fc.constantFrom("never", "once", "always");
  const part = fc.tuple(states, fc.integer({ min: 1, max: 40 }), restarts);
  const changes = fc.array(part, { minLength: 200, maxLength: 200 });

  it("ends soon after the deadline, is given up only then and not while stable, and is kept only if it was healthy", () => {
    fc.assert(
      fc.property(changes, fc.constantFrom(server, agent), (parts, rules) => {
        let count = 0;
        const looks = parts.flatMap(([state, length, how]) =>
          Array.from({ length }, (_, index): State => {
            if (how === "always" || (how === "once" && index === 0)) count++;
            return { ...state, restarts: count };
          }),
        );
        let so: Course | undefined;
        for (const [index, state] of looks.entries()) {
          const at = 20 + 5 * index;
          so = follow(so, { at, ...state });
          const { kind } = decide(rules, so);
          const recent = looks.slice(Math.max(0, index - 6), index + 1);
          const isSteady = recent.every(({ restarts }) => restarts === state.restarts);
          const wasGood = recent.length === 7 && recent.every(({ local }) => local.good);
          if (kind === "commit") return wasGood && isSteady;
          if (kind === "return")
            return at >= rules.deadlineS && !(recent.every(({ api }) => api === ready.api) && isSteady);
          if (at > rules.deadlineS + rules.stableForS) return false;
        }
        return true;
      }),
    );
  });
});

describe("due", () => {
  it("asks for the user's checks only when they decide", () => {
    expect(due(server, course(69, [40, ready]))).toBeUndefined();
    expect(due(server, course(70, [40, ready]))).toBe("ready");
    expect(due(agent, course(599, [20, noApi]))).toBeUndefined();
    expect(due(agent, course(600, [20, noApi]))).toBe("without-api");
    expect(due(server, course(600, [20, noApi]))).toBeUndefined();
  });
});

describe("inWords", () => {
  it("has minutes where they are whole", () => {
    expect([30, 60, 90, 600].map(inWords)).toEqual(["30 s", "1 min", "90 s", "10 min"]);
  });
});
