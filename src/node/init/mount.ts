import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";

export interface Mount {
  /** File system type of mount(8); `bind` and `move` are its options of these names. */
  readonly type: string;
  readonly source: string;
  readonly target: string;
  readonly options?: string;
}

/** Mounts with mount(8); the target is made if it is missing. */
export async function mount(host: Host, { type, source, target, options }: Mount): Promise<void> {
  if (host.stat(target) === undefined) host.mkdir(target);
  const how = type === "bind" || type === "move" ? [`--${type}`] : ["-t", type];
  await run(host, ["mount", ...how, ...(options ? ["-o", options] : []), source, target]);
}
