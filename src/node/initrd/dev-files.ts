import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { DEV_FILES } from "../../image/dev.ts";
import { RUN } from "../places.ts";
import { mount } from "./mount.ts";

/** Mounts the files that this initrd contains over the root, for `./k3os up --dev`. The root stays read-only. */
export async function mountDevFiles(host: Host, sysroot: string): Promise<void> {
  if (host.stat(DEV_FILES) === undefined) {
    throw new K3osError("machine", "k3os.dev is on the kernel's command line, but this initrd has no files for it", {
      hint: "Start the machine with `./k3os up --dev`, or leave k3os.dev away.",
    });
  }
  // The change of root deletes the files of the initrd.
  const kept = `${RUN}/dev`;
  await run(host, ["cp", "-a", DEV_FILES, kept]);
  await mount(host, { type: "overlay", source: "dev", target: sysroot, options: `lowerdir=${kept}:${sysroot}` });
}
