import type { Cluster, Observed } from "./observed.ts";

/** Who comes later in the order of names waits for so long per Node before it, so that one does what all could do. */
export const PER_RANK = 5000;

/** What was read of the cluster is acted on for this long, in milliseconds. */
const FRESH = 2000;

/** What was just read of the cluster. */
export function fresh({ cluster, now }: Pick<Observed, "cluster" | "now">): Cluster | undefined {
  return cluster !== undefined && cluster.at <= now && now - cluster.at <= FRESH ? cluster : undefined;
}
