import type { Host } from "../../host/host.ts";
import type { OnFailure } from "../failure.ts";
import type { SourceFiles } from "./source-files.ts";
import { unpack } from "./userdata.ts";
import { readVolume } from "./volume.ts";

/** NoCloud's label, in both spellings that its documentation allows. */
const TAGS = ["LABEL=cidata", "LABEL=CIDATA"];
/** Our names of the files, and their names on a volume. Old k3OS also took a `config` instead of `user-data`. */
const FILES = { userdata: ["user-data", "config"], "meta-data": ["meta-data"], "network-config": ["network-config"] };

/**
 * The files of a NoCloud volume. `undefined` if the machine has no such volume. Format: cloud-init's NoCloud data
 * source.
 */
export async function readNoCloud(host: Host, onFailure?: OnFailure): Promise<SourceFiles | undefined> {
  const files = await readVolume(host, TAGS, FILES, onFailure);
  if (files === undefined) return undefined;
  const { userdata, "meta-data": metadata, "network-config": network } = files;
  return {
    ...(userdata && { userdata: await unpack(host, userdata, onFailure) }),
    ...(metadata && { "meta-data": metadata }),
    ...(network && { "network-config": network }),
  };
}
