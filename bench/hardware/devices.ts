/** What a node tells of the devices that it runs by. */

/**
 * Shell that prints a line for the disk of the state partition, and one for each network card: the drivers of the
 * device and of all that it hangs on. Then one for each name of that disk in /dev/disk/by-path.
 */
export const DRIVERS = `drivers() {
  name=$1 device=$(readlink -f "$2")
  while [ "$device" != /sys/devices ]; do
    [ ! -L "$device/driver" ] || name="$name $(basename "$(readlink "$device/driver")")"
    device=$(dirname "$device")
  done
  echo "$name"
}
state=$(awk '$2 == "/run/k3os/state" { print $1 }' /proc/mounts)
drivers disk "/sys/class/block/\${state#/dev/}"
for card in /sys/class/net/*/device; do drivers card "$card"; done
disk=/dev/$(basename "$(dirname "$(readlink -f "/sys/class/block/\${state#/dev/}")")")
for link in /dev/disk/by-path/*; do
  [ "$(readlink -f "$link")" != "$disk" ] || echo "path $(basename "$link")"
done`;

export interface Devices {
  readonly disk: readonly string[];
  readonly cards: readonly (readonly string[])[];
  readonly paths: readonly string[];
}

export function parseDrivers(text: string): Devices {
  const lines = text.split("\n").map((line) => line.trim().split(/\s+/));
  const of = (kind: string) => lines.filter(([first]) => first === kind).map(([, ...drivers]) => drivers);
  return { disk: of("disk")[0] ?? [], cards: of("card"), paths: of("path").flat() };
}
