/** What is asked all the time while machines restart. */
import { K3osError } from "../../src/errors.ts";
import type { Machine } from "../../src/vm/machine.ts";
import { sleep } from "../../src/vm/wait.ts";
import { ANSWER_MS, type Answer, type Api, connect } from "../api/client.ts";
import { succeed } from "../on-machine.ts";

/** What the servers answered. */
export interface Quorum {
  /** The fewest servers that answered at the same time. */
  readonly fewestReady: number;
  /** The longest time in which no server took a write, in seconds. */
  readonly longestWithoutWrite: number;
  readonly writes: number;
  /** The times in which fewer than a majority were ready. */
  readonly lapses: readonly Lapse[];
}

/** A time in which fewer servers than a majority said that they are ready. */
export interface Lapse {
  /** Seconds since the watch began. */
  readonly at: number;
  readonly seconds: number;
  /** What each server answered at its beginning. */
  readonly answers: readonly string[];
}

const EVERY_MS = 500;
const configMaps = "/api/v1/namespaces/default/configmaps";

export interface WatchOptions {
  /** How many times slower than a real one a machine is: it is asked less often, and has more time for its answer. */
  readonly slow: number;
  readonly signal: AbortSignal;
}

/** Asks every server for its health, and for a write, until the returned function is called. */
export function watchServers(servers: readonly Machine[], { slow, signal }: WatchOptions): () => Promise<Quorum> {
  const apis = servers.map(({ name, record, paths }): Api => {
    const api = connect(record.ports.api, paths.kubeconfig, 2, ANSWER_MS * slow);
    if (api === undefined) throw new K3osError("machine", `${name} has no kubeconfig.`);
    return api;
  });
  let isOver = false;
  const lapses = new Lapses(servers.length, performance.now());
  let longest = 0;
  let writes = 0;
  const watchHealth = async () => {
    while (!isOver) {
      const asked = performance.now();
      lapses.add(asked, await Promise.all(apis.map((api) => api.answer("GET", "/readyz"))));
      await sleep(EVERY_MS * slow, signal);
    }
  };
  const watchWrites = async () => {
    let last = performance.now();
    for (let turn = 0; !isOver; turn++) {
      const api = apis[turn % apis.length];
      const metadata = { name: `write-${turn}` };
      if ((await api?.ask("POST", configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata })) === 201) {
        longest = Math.max(longest, performance.now() - last);
        last = performance.now();
        writes++;
      }
      await sleep(EVERY_MS * slow, signal);
    }
    longest = Math.max(longest, performance.now() - last);
  };
  const watching = Promise.all([watchHealth(), watchWrites()]);
  // Its failure is told by the function that ends it.
  watching.catch(() => undefined);
  return async () => {
    isOver = true;
    try {
      await watching;
    } finally {
      for (const api of apis) api.close();
    }
    const { fewest, all } = lapses.end(performance.now());
    return { fewestReady: fewest, longestWithoutWrite: longest / 1000, writes, lapses: all };
  };
}

/** Times without a majority, from what all servers answer at one moment after the other (in ms). */
export class Lapses {
  private readonly all: Lapse[] = [];
  private readonly servers: number;
  private readonly start: number;
  private fewest: number;
  private begun: { readonly at: number; readonly answers: readonly string[] } | undefined;

  constructor(servers: number, start: number) {
    this.servers = servers;
    this.start = start;
    this.fewest = servers;
  }

  add(at: number, answers: readonly Answer[]): void {
    const ready = answers.filter(({ status }) => status === 200).length;
    this.fewest = Math.min(this.fewest, ready);
    if (ready > this.servers / 2) this.close(at);
    else this.begun ??= { at, answers: answers.map(readyzSays) };
  }

  end(at: number): { readonly fewest: number; readonly all: readonly Lapse[] } {
    this.close(at);
    return { fewest: this.fewest, all: this.all };
  }

  private close(until: number): void {
    if (this.begun === undefined) return;
    const { at, answers } = this.begun;
    this.all.push({ at: (at - this.start) / 1000, seconds: (until - at) / 1000, answers });
    this.begun = undefined;
  }
}

/** What is not ready, of an answer of /readyz: it has a line with `[-]` for each check that fails. */
export function readyzSays({ status, text }: Answer): string {
  if (status === 200) return "ready";
  const failed = [...text.matchAll(/^\[-\](\S+)/gm)].map(([, check]) => check);
  if (failed.length > 0) return `not ready: ${failed.join(", ")}`;
  return status === 0 ? text : `status ${status}`;
}

/** Answers to requests for a page, by their status; 000 is none. */
export type Answers = ReadonlyMap<string, number>;

/**
 * Asks for the page on the machine, ten times a second at most where it is not slow, each time over a new connection,
 * until the returned function is called.
 */
export async function watchPage(
  client: Machine,
  url: string,
  { slow }: Pick<WatchOptions, "slow">,
): Promise<() => Promise<Answers>> {
  const ask = `curl -s -o /dev/null -m 10 -w "%{http_code}\\n" ${url}`;
  await succeed(
    client,
    `rm -f /tmp/stop; (while [ ! -e /tmp/stop ]; do ${ask}; sleep ${(0.1 * slow).toFixed(1)}; done) >/tmp/answers 2>&1 & `,
  );
  return async () => {
    const counted = await succeed(client, "touch /tmp/stop; sort /tmp/answers | uniq -c");
    return parseAnswers(counted);
  };
}

/** Lines of `uniq -c`. */
export function parseAnswers(text: string): Answers {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return new Map(
    lines.map((line) => {
      const [count = "", ...answer] = line.trim().split(/\s+/);
      return [answer.join(" "), Number(count)];
    }),
  );
}
