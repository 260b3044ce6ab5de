import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { doAll } from "../failure.ts";
import { coldplug, FAST_BUSES } from "../initrd/coldplug.ts";
import { interfaces } from "../network/interfaces.ts";
import { enableService } from "../openrc.ts";
import { sysctlPath } from "../sysctl.ts";

/**
 * Mounts the file systems of /etc/fstab, sets mount propagation as the kubelet needs it, brings up the loopback
 * interface, and links /dev to /proc.
 */
export async function bringUpKernelInterfaces(host: Host): Promise<void> {
  const link = (name: string, target: string) => () => host.symlink(target, `/dev/${name}`);
  await doAll([
    () => run(host, ["mount", "-a"]).finally(() => run(host, ["mount", "--make-rshared", "/"])),
    () => run(host, ["ip", "link", "set", "lo", "up"]),
    link("fd", "/proc/self/fd"),
    link("stdin", "/proc/self/fd/0"),
    link("stdout", "/proc/self/fd/1"),
    link("stderr", "/proc/self/fd/2"),
  ]);
}

/**
 * Loads the modules of the image's own list and the drivers of paravirtual devices. The signature checks use a second
 * processor meanwhile. Returns all that was requested, for `coldplug`, which loads the rest.
 */
export function loadEarlyDrivers(host: Host): Promise<ReadonlySet<string>> {
  return coldplug(host, { modules: linesBelow(host, "/etc/modules-load.d"), buses: FAST_BUSES });
}

/**
 * Starts what listens to the kernel for devices that come and go from now on. It loads their drivers, and has disks
 * named (/etc/mdev.conf). It sleeps until the kernel says something.
 */
export async function listenForDevices(host: Host): Promise<void> {
  await run(host, ["mdev", "-d"], { inherit: true });
}

/**
 * Has the disks that are there named below /dev/disk (`k3os disks`), as mdev has those that come later. Nothing of the
 * boot waits for it, but a mount that has such a name. What fails is in the kernel's log.
 */
export async function startNamingDisks(host: Host): Promise<void> {
  await run(host, ["/usr/lib/k3os/name-disks", "--detach"]);
}

/** Applies `/etc/sysctl.d/*.conf`, in name order. Skips keys that this kernel does not have, as `sysctl -e` does. */
export async function setSysctls(host: Host): Promise<void> {
  const settings = linesBelow(host, "/etc/sysctl.d").map((line) => {
    const equals = line.indexOf("=");
    return { path: sysctlPath(line.slice(0, equals).trim()), value: line.slice(equals + 1).trim() };
  });
  await doAll(
    settings.map(
      ({ path, value }) =>
        () =>
          host.stat(path) && host.poke(path, value),
    ),
  );
}

/**
 * Enables a login on each console of the kernel (`console=`, /sys/class/tty/console/active), and on the first virtual
 * one. A port without a device is a console all the same where the kernel has given it to a driver, such as that of a
 * board's Bluetooth: nobody can log in there.
 */
export async function linkConsoles(host: Host): Promise<void> {
  const consoles = readTextIf(host, "/sys/class/tty/console/active")?.trim().split(/\s+/) ?? [];
  const ports = new Set(consoles.map((name) => (name === "tty0" ? "tty1" : name)).filter((name) => name !== ""));
  await doAll(
    [...ports].map(
      (port) => () => host.stat(`/dev/${port}`) && enableService(host, `console.${port}`, "/etc/init.d/console"),
    ),
  );
}

/**
 * Adds a line with the addresses of each network interface to the login prompt. agetty(8) fills in `\\4{eth0}`, and
 * prints the prompt again when an address changes, so nothing has to wait for DHCP. If there is no card yet, waits
 * until all `drivers` are loaded.
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

/** The lines of all files of a directory, without empty ones and comments. */
function linesBelow(host: Host, directory: string): string[] {
  return host
    .list(directory)
    .flatMap((name) => host.readText(`${directory}/${name}`).split("\n"))
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^[#;]/.test(line));
}
