import type { Network } from "../../config/index.ts";
import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { RUN } from "../places.ts";

/** What was last configured, so that it can be taken back when the configuration says otherwise. */
const CONFIGURED = `${RUN}/network.json`;

export interface Configured {
  readonly network: Network;
  /** Whether all of it could be done. */
  readonly complete: boolean;
  /** An earlier one that still holds, because of this one nothing could be done. */
  readonly left?: Network;
}

/** The network that was last configured since the machine was started. */
export function configuredNetwork(host: Host): Configured | undefined {
  const text = readTextIf(host, CONFIGURED);
  return text === undefined ? undefined : (JSON.parse(text) as Configured);
}

/** Keeps it for `configuredNetwork`; `undefined` for what the image does by itself. */
export function noteConfigured(host: Host, configured: Configured | undefined): void {
  if (configured === undefined) host.remove(CONFIGURED);
  else host.write(CONFIGURED, JSON.stringify(configured));
}
