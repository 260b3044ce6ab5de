/** Directories of a node that more than one part of this program knows. Files belong to the module that writes them. */

/** What is known of this boot. In memory, there before the change of root and after it. */
export const RUN = "/run/k3os";
/** What data sources have said, for the layers to read. */
export const RUN_CONFIG = "/run/config";
/** Where the volume with the image is mounted, if it is not the state partition. */
export const MEDIUM = `${RUN}/medium`;
/** Where the state partition is mounted, writable for root. */
export const STATE = `${RUN}/state`;
/** What a node knows about itself from one boot to the next. On a live system it is in memory, too. */
export const NODE_DATA = "/var/lib/rancher/k3os";
