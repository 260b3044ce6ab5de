/** The cluster's layer on the disk: one file for each slot, because it is tried and returned from with the slot. */
import { parentOf, readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import type { SlotName } from "../../image/boot-env.ts";
import { clusterFile } from "../../image/cluster-file.ts";
import { type ClusterLayer, NO_LAYER } from "../../management/layer.ts";
import { NODE_DATA, STATE } from "../places.ts";

interface LayerFile extends ClusterLayer {
  readonly format: 1;
}

/** Where the layer of a slot is. A system without slots has one file. `state`: where the state partition is mounted. */
export function layerPath(slot: SlotName | undefined, state = STATE): string {
  return slot === undefined ? `${NODE_DATA}/cluster.json` : `${state}${clusterFile(slot)}`;
}

/** Reads it. A missing file is an empty layer. Throws if it is damaged. */
export function readLayerFile(host: Host, path: string): ClusterLayer {
  const text = readTextIf(host, path);
  if (text === undefined) return NO_LAYER;
  const { format, revision, parts } = JSON.parse(text) as LayerFile;
  return format === 1 ? { revision, parts } : NO_LAYER;
}

/** The layer of a slot; an empty one if its file is damaged, so that it is written anew. */
export function layerOfSlot(host: Host, slot: SlotName | undefined, state = STATE): ClusterLayer {
  try {
    return readLayerFile(host, layerPath(slot, state));
  } catch (error) {
    if (error instanceof SyntaxError) return NO_LAYER;
    throw error;
  }
}

/** Replaces the layer of a slot. When this returns, it is on the disk. Only root may read it. */
export async function writeLayerOfSlot(
  host: Host,
  slot: SlotName | undefined,
  { revision, parts }: ClusterLayer,
  state = STATE,
): Promise<void> {
  const file: LayerFile = { format: 1, revision, parts };
  await replace(host, layerPath(slot, state), parts.length === 0 ? undefined : `${JSON.stringify(file, null, 1)}\n`);
}

/** Makes the layer of `to` that of `from`. */
export async function carryLayer(host: Host, from: SlotName, to: SlotName, state = STATE): Promise<void> {
  await replace(host, layerPath(to, state), readTextIf(host, layerPath(from, state)));
}

async function replace(host: Host, path: string, text: string | undefined): Promise<void> {
  if (readTextIf(host, path) === text) return;
  if (text === undefined) host.remove(path);
  else {
    host.mkdir(parentOf(path));
    host.write(path, text, { mode: 0o600 });
  }
  await run(host, ["sync", "-f", parentOf(path)]);
}
