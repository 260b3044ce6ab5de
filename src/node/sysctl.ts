/** The file of a sysctl key. Dots and slashes are swapped, as in sysctl(8) (`net.ipv4.conf.eth0/1.forwarding`). */
export function sysctlPath(key: string): string {
  return `/proc/sys/${key.replace(/[./]/g, (separator) => (separator === "." ? "/" : "."))}`;
}
