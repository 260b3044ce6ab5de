import { basename } from "node:path";
import { build } from "esbuild";

/** The module that makes the result of each kind of step. */
export const MAKERS = {
  tools: "src/build/tools-tree.ts",
  packages: "src/build/root-packages.ts",
  kernel: "src/build/kernel.ts",
  firmware: "src/build/firmware.ts",
  loader: "src/build/loader.ts",
  bootFirmware: "src/build/boot-firmware.ts",
  go: "src/build/go.ts",
  kube: "src/build/compile-kube.ts",
  k3s: "src/build/release.ts",
  initrd: "src/build/initrd.ts",
  devInitrd: "src/build/dev-initrd.ts",
  root: "src/build/root.ts",
  image: "src/build/image.ts",
  disk: "src/build/media/disk.ts",
  virtualDisk: "src/build/media/virtual-disk.ts",
  iso: "src/build/media/iso.ts",
  netboot: "src/build/media/netboot.ts",
  upgrader: "src/build/upgrader.ts",
  oci: "src/build/media/oci.ts",
} as const;

export type Maker = keyof typeof MAKERS;

/**
 * The identity of the code of each maker, with all that it imports: when that changes, older results no longer count.
 * Comments and types are no part of it.
 */
export async function makerDigests<M extends string>(
  project: string,
  makers: Readonly<Record<M, string>>,
): Promise<Readonly<Record<M, string>>> {
  const { outputFiles } = await build({
    absWorkingDir: project,
    entryPoints: Object.entries<string>(makers).map(([out, path]) => ({ in: path, out })),
    outdir: "out",
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    packages: "external",
    minifyWhitespace: true,
    logLevel: "silent",
  });
  const digests = outputFiles.map(({ path, hash }) => [basename(path, ".js"), hash]);
  return Object.fromEntries(digests) as Record<M, string>;
}
