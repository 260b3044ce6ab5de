import { type Boot, type Disk, qemuArguments } from "../../src/vm/qemu.ts";
import { REPORT } from "./guest-run.ts";
import type { Conditions } from "./machine.ts";

/**
 * The command line of a machine that is measured: exactly that of `./k3os up`, and a second serial port, `/dev/ttyS1`,
 * on which the guest reports. What arrives there is written to the file `REPORT`.
 */
export function benchQemuCommand(
  { image, accel, memoryMiB, cpus }: Conditions,
  name: string,
  boot: Boot,
  more: { readonly seed?: string; readonly disks?: readonly Disk[]; readonly options?: readonly string[] } = {},
): string[] {
  const { options = [], ...parts } = more;
  return [
    ...qemuArguments({
      ...{ name: `bench-${name}`, architecture: image.imageJson.architecture, accel, memoryMiB, cpus, boot },
      ...{ qmpSocket: "qmp.sock", serialSocket: "serial.sock", serialLog: "serial.log" },
      ...parts,
    }),
    "-no-reboot",
    ...["-chardev", `file,id=bench,path=${REPORT}`, "-serial", "chardev:bench"],
    ...options,
  ];
}
