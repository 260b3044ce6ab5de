/** Places on a node that more than one part of this program knows. Files belong to the module that writes them. */

/** Data of this boot, in memory. It exists before the change of root and survives it. */
export const RUN = "/run/k3os";
/** What the image that runs says of itself. */
export const IMAGE_JSON = "/usr/share/k3os/image.json";
/** What the data sources returned; the layers read it from here. */
export const RUN_CONFIG = "/run/config";
/** Where the volume with the image is mounted, unless that is the state partition. */
export const MEDIUM = `${RUN}/medium`;
/** Where the state partition is mounted, writable for root. */
export const STATE = `${RUN}/state`;
/** What a node keeps about itself from boot to boot. On a live system it is in memory, too. */
export const NODE_DATA = "/var/lib/rancher/k3os";
/** Copies of the datastore, each in a directory with the name of the image that wrote it last. */
export const COPIES = `${NODE_DATA}/datastore`;
/** Why the trial of this boot cannot be kept, whatever becomes of the node. */
export const TRIAL_REFUSED = `${RUN}/trial-refused`;
/** Exists once the deployment that this boot tries is kept. */
export const TRIAL_KEPT = `${RUN}/trial-kept`;
