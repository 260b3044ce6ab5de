import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import type { SlotName } from "../../image/boot-env.ts";

/** The slot that this boot runs from; `undefined` if it is none of an installed disk. */
export function runningSlot(host: Host): SlotName | undefined {
  const value = kernelWord(host, "k3os.slot");
  return value === "a" || value === "b" ? value : undefined;
}

/** Directory of the root that runs, below the state partition; `undefined` if it is none of an installed disk. */
export function runningSystem(host: Host): string | undefined {
  return /:(\/\S+)\/root\.squashfs/.exec(host.readText("/proc/cmdline"))?.[1];
}

/** Whether the kernel's command line leaves out the layer of the cluster. */
export function isClusterConfigOff(host: Host): boolean {
  return kernelWord(host, "k3os.cluster_config") === "off";
}

/** The value of a word of the kernel's command line. Of a repeated word the last one counts. */
function kernelWord(host: Host, name: string): string | undefined {
  const words = (readTextIf(host, "/proc/cmdline") ?? "").trim().split(/\s+/);
  return words.findLast((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
}
