import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { cidata } from "../../src/vm/nocloud.ts";
import { guestFile } from "./guest.ts";
import type { BenchMachine, Conditions } from "./machine.ts";
import { benchQemuCommand } from "./qemu.ts";

const probe = "/run/k3os-bench/probe.sh";

/**
 * An image, booted as `./k3os up` boots its own, which is of the flavour `cloud`. The probe is in its config.yaml, as a
 * user's program would be.
 */
export function osMachine(conditions: Conditions, name: "os" | "metal" = "os"): BenchMachine {
  const { image } = conditions;
  const seed = cidata({ hostname: "os", instanceId: "k3os-bench", publicKeys: [], userData: userData() });
  const size = (path: string) => statSync(path).size;
  return {
    name,
    sizes: {
      ...{ kernel: size(image.kernel), initrd: size(image.initrd), root: size(image.root), iso: size(conditions.iso) },
    },
    command(dir) {
      writeFileSync(join(dir, "cidata.iso"), seed);
      return benchQemuCommand(
        conditions,
        name,
        { kind: "image", dir: image.dir, append: conditions.append },
        { seed: "cidata.iso" },
      );
    },
  };
}

/** Starts the probe. */
export function userData(): string {
  return stringify({
    write_files: [{ path: probe, content: readFileSync(guestFile("probe.sh"), "utf8"), permissions: "0755" }],
    boot_cmd: [`setsid sh ${probe} /dev/ttyS1 >/dev/null 2>&1 </dev/null &`],
  });
}
