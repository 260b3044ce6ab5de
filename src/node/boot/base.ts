import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { coldplug, FAST_BUSES } from "../initrd/coldplug.ts";
import { interfaces } from "../network/interfaces.ts";
import { sysctlPath } from "../sysctl.ts";

/** The file systems of /etc/fstab, mount propagation as the kubelet needs it, and the loopback interface. */
export async function bringUpKernelInterfaces(host: Host): Promise<void> {
  await Promise.all([
    run(host, ["mount", "-a"]).then(() => run(host, ["mount", "--make-rshared", "/"])),
    run(host, ["ip", "link", "set", "lo", "up"]),
  ]);
  for (const [link, target] of [
    ["fd", "/proc/self/fd"],
    ["stdin", "/proc/self/fd/0"],
    ["stdout", "/proc/self/fd/1"],
    ["stderr", "/proc/self/fd/2"],
  ]) {
    host.symlink(`${target}`, `/dev/${link}`);
  }
}

export interface Drivers {
  /** The modules of the image's own list and the drivers of paravirtual devices are loaded. */
  readonly first: Promise<unknown>;
  /** The drivers of all other devices, too. On a virtual machine nothing has to wait for those. */
  readonly everything: Promise<unknown>;
}

/** Begins to load modules: checking their signatures keeps another processor busy for a while. */
export function loadDrivers(host: Host): Drivers {
  const directory = "/etc/modules-load.d";
  const modules = host.list(directory).flatMap((name) => meaningfulLines(host.readText(`${directory}/${name}`)));
  const first = coldplug(host, { modules, buses: FAST_BUSES });
  return { first, everything: first.then((known) => coldplug(host, { known })) };
}

/** Applies `/etc/sysctl.d/*.conf`, in name order. Keys that this kernel does not have are passed over, as `sysctl -e` does. */
export function setSysctls(host: Host): void {
  const directory = "/etc/sysctl.d";
  for (const name of host.list(directory)) {
    for (const line of meaningfulLines(host.readText(`${directory}/${name}`))) {
      const equals = line.indexOf("=");
      const path = sysctlPath(line.slice(0, equals).trim());
      if (host.stat(path)) host.poke(path, line.slice(equals + 1).trim());
    }
  }
}

/**
 * On a small machine, lets the kernel keep back what it does by its own rule, √(16 · kB of memory). Where transparent huge pages are
 * enabled, khugepaged raises that to 5 % of the memory, for large allocations that such a machine has none of
 * (Documentation/admin-guide/sysctl/vm.rst, min_free_kbytes; mm/khugepaged.c).
 */
export function keepLittleMemoryBack(host: Host): void {
  const total = Number(/^MemTotal:\s+(\d+) kB/m.exec(host.readText("/proc/meminfo"))?.[1] ?? 0);
  if (total >= 4 * 1024 * 1024) return;
  host.poke("/proc/sys/vm/min_free_kbytes", `${Math.floor(Math.sqrt(16 * total))}`);
}

/** A login on each console of the kernel's (`console=`, /sys/class/tty/console/active), and on the first virtual one. */
export function linkConsoles(host: Host): void {
  const active = "/sys/class/tty/console/active";
  const consoles = host.stat(active) ? host.readText(active).trim().split(/\s+/) : [];
  const ports = new Set(consoles.map((name) => (name === "tty0" ? "tty1" : name)).filter((name) => name !== ""));
  for (const port of ports) {
    host.symlink("/etc/init.d/console", `/etc/init.d/console.${port}`);
    host.symlink(`/etc/init.d/console.${port}`, `/etc/runlevels/default/console.${port}`);
  }
}

/**
 * A line with the addresses of each network interface for the login prompt. agetty(8) fills `\\4{eth0}` in and prints the prompt anew
 * when an address changes, so nothing has to wait for DHCP; for the cards themselves it waits until all `drivers` are loaded, if
 * none is there yet.
 */
export async function showAddresses(host: Host, drivers: Promise<unknown>): Promise<void> {
  const find = () => interfaces(host).map(({ name }) => name);
  let cards = find();
  if (cards.length === 0) {
    await drivers;
    cards = find();
  }
  host.mkdir("/etc/issue.d");
  const lines = cards.map((name) => `${name}: \\4{${name}}  \\6{${name}}\n`);
  host.write("/etc/issue.d/10-addresses.issue", `${lines.join("")}\n`);
}

function meaningfulLines(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^[#;]/.test(line));
}
