import type { Network } from "../../config/index.ts";
import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { RUN } from "../places.ts";

/** The last configured network, so that a later configuration can undo it. */
const CONFIGURED = `${RUN}/network.json`;

export interface Configured {
  readonly network: Network;
  /** Whether all of it could be configured. */
  readonly complete: boolean;
  /** The earlier network that is still in effect, if nothing of this one could be configured. */
  readonly left?: Network;
}

/** The network that was last configured since the machine was started. */
export function configuredNetwork(host: Host): Configured | undefined {
  const text = readTextIf(host, CONFIGURED);
  return text === undefined ? undefined : (JSON.parse(text) as Configured);
}

/** Saves the network for `configuredNetwork`; `undefined` for the image's default. */
export function noteConfigured(host: Host, configured: Configured | undefined): void {
  if (configured === undefined) host.remove(CONFIGURED);
  else host.write(CONFIGURED, JSON.stringify(configured));
}
