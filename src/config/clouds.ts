/**
 * The clouds that `k3os.data_sources` may name. Two tables go by these names: `src/node/sources/clouds.ts` says how the
 * service of each is asked, `clouds.cases.ts` beside it what the service answers.
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
