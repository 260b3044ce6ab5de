import type { Host } from "../host/host.ts";
import { readMounts } from "./mounts.ts";
import { STATE } from "./places.ts";

/** The device with the node's state, such as `vda3`; `undefined` if this node does not run from a disk. */
export function stateDevice(host: Host): string | undefined {
  return readMounts(host)
    .find(({ target }) => target === STATE)
    ?.source.slice("/dev/".length);
}

/** The disk that a device is a partition of, such as `vda` of `vda3`; the device itself if it is none. */
export function diskOf(host: Host, device: string): string {
  const block = `/sys/class/block/${device}`;
  if (host.stat(`${block}/partition`) === undefined) return device;
  // The links of /sys tell it. The names follow no rule.
  return host.readLink(block).split("/").at(-2) ?? device;
}
