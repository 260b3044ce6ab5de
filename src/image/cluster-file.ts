import type { SlotName } from "./boot-env.ts";

/**
 * The cluster's layer of the config in a slot, on the state partition (`src/node/slots/layer-file.ts`). In a file of
 * its own, because what looks whether there is anything to do needs no more of a disk.
 */
export const clusterFile = (slot: SlotName): string => `/k3os/system/cluster-${slot}.json`;
