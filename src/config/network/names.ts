/**
 * Interfaces that the container network makes and removes, and the dummy interface of a node without network. Nothing
 * here configures them. os/rootfs/etc/dhcpcd.conf denies the same patterns.
 */
export const OF_CLUSTER = /^(veth|cni|flannel|cali|cilium|lxc|kube-|docker|br-|tunl|vxlan|wg|nodelocaldns|k3os0)/;

export function isOfCluster(name: string): boolean {
  return OF_CLUSTER.test(name);
}

/** A pattern in which `*` stands for any characters and `?` for one. */
export function matches(pattern: string, text: string): boolean {
  const escaped = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${escaped}$`).test(text);
}
