import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";

export interface Mount {
  /** File system type as fstab(5) has it; for `mountAll` also `bind` and `move`, mount(8)'s options of these names. */
  readonly type: string;
  readonly source: string;
  readonly target: string;
  readonly options?: string;
}

/** Mounts with mount(8); the target is made if it is missing. */
export async function mount(host: Host, { type, source, target, options }: Mount): Promise<void> {
  if (host.stat(target) === undefined) host.mkdir(target);
  await run(host, ["mount", "-t", type, ...(options ? ["-o", options] : []), source, target]);
}

/**
 * Mounts several at once, in their order: one process instead of one each, which a boot notices. For the initrd only, whose
 * busybox reads `/etc/fstab`.
 */
export async function mountAll(host: Host, mounts: readonly Mount[]): Promise<void> {
  for (const { target } of mounts) if (host.stat(target) === undefined) host.mkdir(target);
  const lines = mounts.map(({ type, source, target, options }) => {
    const special = type === "bind" || type === "move";
    const all = [...(special ? [type] : []), ...(options === undefined ? [] : [options])].join(",") || "defaults";
    return `${source} ${target} ${special ? "none" : type} ${all} 0 0\n`;
  });
  host.write("/etc/fstab", lines.join(""));
  await run(host, ["mount", "-a"]);
}
