import { stringify } from "yaml";
import { iso9660 } from "../formats/iso9660.ts";

export interface NoCloud {
  /** Also the node's name, unless its config has another. */
  readonly hostname: string;
  /** Identifies the machine: stays the same for all of its boots. */
  readonly instanceId: string;
  /** Keys that may log in, besides those of the config. */
  readonly publicKeys: readonly string[];
  /** The text of config.yaml, unchanged, so that the node's errors have the line numbers of the user's file. */
  readonly userData?: string;
}

/** Writes the `cidata` volume. The machine's own ssh key goes into the meta-data; the user's file is not changed. */
export function cidata(options: NoCloud): Uint8Array {
  return iso9660("cidata", {
    "meta-data": stringify(
      {
        "instance-id": options.instanceId,
        "local-hostname": options.hostname,
        "public-keys": options.publicKeys,
      },
      { lineWidth: 0 },
    ),
    "user-data": options.userData ?? "",
  });
}
