/** The cluster's layer on the disk: one file for each slot, because it is tried and returned from with the slot. */
import { K3osError } from "../../errors.ts";
import { parentOf, readJsonIf, readTextIf } from "../../host/files.ts";
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

/** The layer of a slot; an empty one if its file is missing, or damaged, so that it is written anew. */
export function layerOfSlot(host: Host, slot: SlotName | undefined, state = STATE): ClusterLayer {
  const file = readJsonIf(host, layerPath(slot, state));
  return isLayerFile(file) ? { revision: file.revision, parts: file.parts } : NO_LAYER;
}

/** Throws if the file of a slot is there, and damaged. Whoever goes by its layer tells of that. */
export function requireWholeLayer(host: Host, slot: SlotName | undefined): void {
  const path = layerPath(slot);
  if (host.stat(path) === undefined) return;
  const file = readJsonIf(host, path);
  if (isLayerFile(file)) return;
  // Nothing of it is shown: it has the values of Secrets.
  const got = file === undefined ? "no JSON" : "something else";
  throw new K3osError("config", `${path}: expected a layer of the cluster in format 1, got ${got}`, {
    hint: "The node goes without what MachineConfigs say until its agent has reached the API, and writes it anew.",
  });
}

function isLayerFile(file: unknown): file is LayerFile {
  const { format, revision, parts } = (file ?? {}) as Partial<LayerFile>;
  return format === 1 && typeof revision === "string" && Array.isArray(parts);
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
