import { stringify } from "yaml";
import { iso9660 } from "../formats/iso9660.ts";

export interface NoCloud {
  /** Also the node's name, unless its config says otherwise. */
  readonly hostname: string;
  /** The same for every boot of a machine, another for another machine. */
  readonly instanceId: string;
  /** Keys that may log in, besides those of the config. */
  readonly publicKeys: readonly string[];
  /** The text of config.yaml; handed over as it is, so that the node's errors have the user's lines. */
  readonly userData?: string;
}

/** The `cidata` volume. Our own keys travel in the meta-data, so that the user's file stays the user's. */
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
