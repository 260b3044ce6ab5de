import { join } from "node:path";
import { extractPackages } from "../../src/build/extract.ts";
import { type BenchWorkshop, runLatest } from "./workshop.ts";

/** The parts that all compared machines share with the image. */
export interface Parts {
  /** A tree with modules, k3s and its images from the image's root, identical to the byte. */
  readonly image: string;
  /** A busybox that needs no libraries, for their initrds. */
  readonly busybox: string;
}

export async function commonParts(shop: BenchWorkshop): Promise<Parts> {
  const [image, busybox] = await Promise.all([imageParts(shop), staticBusybox(shop)]);
  return { image, busybox };
}

async function staticBusybox(shop: BenchWorkshop): Promise<string> {
  const { packages, runner, peer, image } = shop;
  const { architecture } = image.imageJson;
  const set = { architecture, packages: peer.tools.packages, exclude: peer.tools.exclude };
  const lock = (await packages.resolve({ busybox: set })).packages.busybox ?? [];
  const tree = await runner.run({
    name: "bench-busybox",
    title: "Static busybox",
    maker: "parts",
    parts: lock.map(({ sha256 }) => sha256),
    async make(work) {
      await packages.fetch(lock, work.log, work.update);
      await extractPackages(work, lock, packages.debs, ["/usr/share/**"]);
      return undefined;
    },
  });
  return join(tree, "usr/bin/busybox");
}

async function imageParts(shop: BenchWorkshop): Promise<string> {
  const { image } = shop;
  const result = await runLatest(shop, {
    name: "bench-parts",
    title: "Kernel modules and k3s of the image",
    maker: "parts",
    parts: { root: image.imageJson.files },
    async make(work) {
      const { argv, env } = image.tools.command([
        ...["unsquashfs", "-quiet", "-no-progress", "-no-xattrs", "-dest", join(work.out, "root"), image.root],
        ...["usr/lib/modules", "usr/bin/k3s", "usr/bin/containerd-shim-runc-v2", "usr/share/k3os/images"],
      ]);
      await work.command(argv, { env });
      return undefined;
    },
  });
  return join(result, "root");
}
