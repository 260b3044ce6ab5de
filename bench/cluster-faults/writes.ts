/** Writes to a cluster that are made all the time, and what became of them. */
import { K3osError } from "../../src/errors.ts";
import type { Machine } from "../../src/vm/machine.ts";
import { sleep } from "../../src/vm/wait.ts";
import { type Api, connect } from "../api/client.ts";

/** A write that a server has acknowledged. */
export interface Write {
  /** Of the ConfigMap that it made. */
  readonly name: string;
  /** The index of that server. */
  readonly server: number;
  /** When it was acknowledged, in milliseconds of `performance.now`. */
  readonly at: number;
}

export interface Writer {
  /** In the order in which they were acknowledged; it grows. */
  readonly acknowledged: readonly Write[];
  /** Ends it. Throws what went wrong, if it did not end by that. */
  stop(): Promise<void>;
}

const EVERY_MS = 1000;
const configMaps = "/api/v1/namespaces/default/configmaps";

/**
 * Begins a write at each server every second, whether or not the one before was answered. A server may restart as long
 * as it keeps its authority and its port.
 */
export function startWriting(servers: readonly Machine[], signal: AbortSignal): Writer {
  const apis = servers.map(({ name, record, paths }): Api => {
    const api = connect(record.ports.api, paths.kubeconfig, 8);
    if (api === undefined) throw new K3osError("machine", `${name} has no kubeconfig.`);
    return api;
  });
  const acknowledged: Write[] = [];
  const open = new Set<Promise<void>>();
  let isOver = false;
  const write = async (api: Api, server: number, name: string) => {
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name } };
    if ((await api.ask("POST", configMaps, object)) !== 201) return;
    acknowledged.push({ name, server, at: performance.now() });
  };
  const writeAll = async () => {
    for (let turn = 0; !isOver; turn++) {
      for (const [server, api] of apis.entries()) {
        const one = write(api, server, `write-${server}-${turn}`).finally(() => open.delete(one));
        open.add(one);
      }
      await sleep(EVERY_MS, signal);
    }
  };
  const writing = writeAll();
  // Its failure is told by the function that ends it.
  writing.catch(() => undefined);
  const stop = async () => {
    isOver = true;
    try {
      await writing;
    } finally {
      await Promise.all(open);
      for (const api of apis) api.close();
    }
  };
  return { acknowledged, stop };
}

/** The longest time between two moments in which nothing was acknowledged, in seconds. */
export function longestSilence(writes: readonly Write[], from: number, to: number): number {
  const times = writes.map(({ at }) => at).filter((at) => at >= from && at <= to);
  const all = [from, ...times, to];
  return Math.max(...all.slice(1).map((at, index) => at - (all[index] ?? at))) / 1000;
}

/** The first moment from then on at which each of so many servers had acknowledged one; `undefined` before it. */
export function allWroteAt(writes: readonly Write[], servers: number, from: number): number | undefined {
  const firsts = Array.from({ length: servers }, (_, server) =>
    writes.find((write) => write.server === server && write.at >= from),
  );
  if (firsts.some((write) => write === undefined)) return undefined;
  return Math.max(...firsts.map((write) => write?.at ?? from));
}

/** Writes that were acknowledged and are not among these names. */
export function lost(writes: readonly Write[], names: ReadonlySet<string>): readonly string[] {
  return writes.map(({ name }) => name).filter((name) => !names.has(name));
}
