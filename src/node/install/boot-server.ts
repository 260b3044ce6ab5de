import type { Host } from "../../host/host.ts";
import { bootArguments } from "../initrd/boot-arguments.ts";

/**
 * URL of the directory that this system's root came from. The rest of its image is there, too. `undefined` if it came
 * from a medium.
 */
export function bootServer(host: Host): string | undefined {
  const { root } = bootArguments(host.readText("/proc/cmdline"));
  return root?.kind === "url" ? root.url.slice(0, root.url.lastIndexOf("/")) : undefined;
}
