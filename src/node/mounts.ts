import type { Host } from "../host/host.ts";

export interface Mounted {
  /** Such as `/dev/vda3`. */
  readonly source: string;
  readonly target: string;
}

/** What is mounted, in mount order (proc_pid_mounts(5)). */
export function readMounts(host: Host): Mounted[] {
  const lines = host.readText("/proc/mounts").trim().split("\n");
  return lines.map((line) => {
    const [source = "", target = ""] = line.split(" ").map(unquoted);
    return { source, target };
  });
}

/** Whether something is mounted at this path. */
export function isMounted(host: Host, path: string): boolean {
  return readMounts(host).some(({ target }) => target === path);
}

/** Undoes the kernel's octal escapes of spaces and the like in mount tables. */
export function unquoted(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
}
