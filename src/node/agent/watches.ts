import type { ApiObject } from "./watch-state.ts";

/** What the agent needs of its watches: the objects now, and when they change. */

export type Watched = "machine" | "pools" | "configs";

export interface Watches {
  /** The objects as they were last told, by name. */
  objects<T extends ApiObject>(name: Watched): ReadonlyMap<string, T>;
  /** Whether everything has been listed at least once. */
  isSynced(): boolean;
  /** Resolves with true at a change, at once if there was one already; with false after so many milliseconds. */
  next(timeoutMs: number): Promise<boolean>;
}

const GROUP = "/apis/k3os.io/v1alpha1";

export const PATHS = {
  machines: `${GROUP}/machines`,
  pools: `${GROUP}/machinepools`,
  configs: `${GROUP}/machineconfigs`,
  nodes: "/api/v1/nodes",
} as const;

export const pathOf = (kind: keyof typeof PATHS, name: string) => `${PATHS[kind]}/${encodeURIComponent(name)}`;

/** The pods of a Node. */
export const podsOn = (node: string) => `/api/v1/pods?fieldSelector=${encodeURIComponent(`spec.nodeName=${node}`)}`;
