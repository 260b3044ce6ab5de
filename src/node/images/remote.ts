import { withoutUserInfo } from "../../config/secrets.ts";
import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { isReference } from "../../image/oci.ts";
import type { Download } from "../fetch-file.ts";
import { openArtefact, type Registries } from "./registry.ts";

/** A place that files are fetched from: a directory of a web server, or an artefact in a registry. */
export interface Remote {
  /** How messages call a file. */
  shown(name: string): string;
  /** Whether files come in layers of a container image. */
  readonly inLayers?: boolean;
  /** How to fetch a file; `undefined` if it is known that there is none of that name. */
  file(name: string): Promise<Download | undefined>;
}

/** Opens a place for fetching. `undefined` if a registry says that it has no such artefact. */
export async function openRemote(
  host: Host,
  place: string,
  registries: Registries | undefined,
  work: string,
): Promise<Remote | undefined> {
  if (!isReference(place)) return webDirectory(place);
  const artefact = await openArtefact(host, place, registries, work);
  if (artefact === undefined) return undefined;
  return { inLayers: true, shown: (name) => `${name} of ${place}`, file: async (name) => artefact.file(name) };
}

/** A directory of a web server. A question mark and what follows it stay behind the name of each file. */
export function webDirectory(url: string): Remote {
  const [, path = "", query = ""] = /^([^?#]*)(.*)$/.exec(url) ?? [];
  const at = (name: string) => `${path.replace(/\/+$/, "")}/${name}${query}`;
  return { shown: (name) => withoutUserInfo(at(name)), file: async (name) => ({ url: at(name) }) };
}

/** Why nothing can be fetched from a place. */
export function nothingAt(place: string): K3osError {
  return new K3osError("network", `there is nothing at ${withoutUserInfo(place)}`, {
    hint: "Is the name right, and was it published? `./k3os publish` prints where.",
  });
}
