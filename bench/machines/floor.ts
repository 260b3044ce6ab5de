import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { guestFile } from "./guest.ts";
import { benchInitrd } from "./initrd.ts";
import type { BenchMachine, Conditions } from "./machine.ts";
import type { Parts } from "./parts.ts";
import { benchQemuCommand } from "./qemu.ts";

/** What stands between the kernel and the image's root. */
const modules = ["virtio_pci", "virtio_blk", "squashfs", "overlay"];

/** The image's kernel, root and k3s, without the operating system: a few lines of shell start k3s. */
export function floorMachine(parts: Parts, conditions: Conditions): BenchMachine {
  const { image } = conditions;
  const read = (name: string) => readFileSync(guestFile(name), "utf8");
  const initrd = benchInitrd({
    ...{ kernelTree: parts.image, modules, busybox: parts.busybox },
    scripts: { init: read("floor-initrd.sh"), "floor.sh": read("floor.sh"), "probe.sh": read("probe.sh") },
  });
  return {
    name: "floor",
    sizes: { initrd: initrd.length, root: statSync(image.root).size },
    command(dir) {
      const imageDir = join(dir, "image");
      mkdirSync(imageDir);
      symlinkSync(image.kernel, join(imageDir, "vmlinuz"));
      symlinkSync(image.root, join(imageDir, "root.squashfs"));
      writeFileSync(join(imageDir, "initrd"), initrd);
      return benchQemuCommand(conditions, "floor", { kind: "image", dir: "image", append: conditions.append });
    },
  };
}
