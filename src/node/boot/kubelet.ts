import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { doAll } from "../failure.ts";
import { IMAGE_JSON, NODE_DATA } from "../places.ts";

/**
 * What a kubelet keeps for its next start, about processors, memory and devices that it gave to pods. After a boot no
 * such pod runs. A kubelet of another minor, above all an older one, may not read these files, and does not start then.
 */
const CHECKPOINTS = [
  "cpu_manager_state",
  "memory_manager_state",
  "dra_manager_state",
  "device-plugins/kubelet_internal_checkpoint",
].map((name) => `/var/lib/kubelet/${name}`);

/** The minor of the kubelet that last ran here, such as `1.37`. */
const NOTE = `${NODE_DATA}/kubelet-minor`;

/** Removes the checkpoints of a kubelet of another minor, a newer one or an older one. */
export async function removeCheckpoints(host: Host): Promise<void> {
  const { kubernetes } = JSON.parse(host.readText(IMAGE_JSON)) as {
    readonly kubernetes?: { readonly version?: string };
  };
  const minor = /^v?(\d+\.\d+)\./.exec(kubernetes?.version ?? "")?.[1];
  if (minor === undefined || readTextIf(host, NOTE)?.trim() === minor) return;
  await doAll(CHECKPOINTS.map((path) => () => host.remove(path)));
  host.write(NOTE, `${minor}\n`);
}
