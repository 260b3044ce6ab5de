/**
 * The clouds that `k3os.data_sources` may name. `src/node/sources/clouds.ts` describes the service of each, and
 * `clouds.cases.ts` beside it its answers. Both are tables by these names.
 */
export const CLOUD_NAMES = [
  "aws",
  "azure",
  "digitalocean",
  "gcp",
  "hetzner",
  "openstack",
  "packet",
  "scaleway",
  "vultr",
] as const;

export type CloudName = (typeof CLOUD_NAMES)[number];

export function isCloudName(text: string): text is CloudName {
  return (CLOUD_NAMES as readonly string[]).includes(text);
}
