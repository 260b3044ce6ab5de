import type { Layer } from "../config/layer.ts";
import { layerOfConfig } from "../config/layer-kind.ts";
import type { SecretPlace } from "./secrets.ts";

/** What a node keeps on its disk of the MachineConfigs that it goes by. */
export interface ClusterLayer {
  /** `sha256:<hex>` of what all parts say together; empty if that is nothing. */
  readonly revision: string;
  /** In the order in which they are merged. */
  readonly parts: readonly LayerPart[];
}

/** One MachineConfig, as it was when it was taken over. */
export interface LayerPart {
  readonly name: string;
  readonly generation: number;
  /** config.yaml, with the values of Secrets. */
  readonly text: string;
  /** Which of them are. */
  readonly secrets?: readonly SecretPlace[];
}

export const NO_LAYER: ClusterLayer = { revision: "", parts: [] };

/** The layers of a config that the parts are, the lowest first. They belong above all others. */
export function layersOf({ parts }: Pick<ClusterLayer, "parts">): Layer[] {
  return parts.map(layerOfPart);
}

export function layerOfPart({ name, text, secrets = [] }: LayerPart): Layer {
  return { name: layerOfConfig(name), kind: "cluster", text, secrets: secrets.map(({ path }) => path) };
}
