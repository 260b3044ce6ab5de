/** The file of a sysctl key; dots and slashes change places, as sysctl(8) has it (`net.ipv4.conf.eth0/1.forwarding`). */
export function sysctlPath(key: string): string {
  return `/proc/sys/${key.replace(/[./]/g, (separator) => (separator === "." ? "/" : "."))}`;
}
