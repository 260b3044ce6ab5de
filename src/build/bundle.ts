import { basename, join } from "node:path";
import { type BuildOptions, build } from "esbuild";
import { K3osError } from "../errors.ts";
import type { ArchitectureName } from "../image/architecture.ts";
import { hostArchitecture } from "./host-architecture.ts";

/**
 * The programs of the node. The initrd has a small one of its own, because QuickJS reads the whole program at every
 * boot.
 */
export interface NodePrograms {
  /** `/init.js` in the initrd. */
  readonly init: Uint8Array;
  /** The same for the initrd of a netboot set, which can fetch the root. */
  readonly netboot: Uint8Array;
  /**
   * The files of `/usr/lib/k3os` in the root, by name: `k3os.js`, and parts that it loads when a command needs them.
   */
  readonly k3os: ReadonlyMap<string, Uint8Array>;
}

/** Bundles `src/node` for QuickJS. Names survive, so that a stack trace can be read. */
export async function bundleNode(project: string, architecture: ArchitectureName): Promise<NodePrograms> {
  const [init, netboot, k3os] = await Promise.all([
    bundleForQuickjs(join(project, "src/node/initrd/main.ts"), architecture),
    bundleForQuickjs(join(project, "src/node/initrd/netboot.ts"), architecture),
    bundle(architecture, {
      absWorkingDir: project,
      entryPoints: { k3os: "src/node/main.ts" },
      outdir: "/",
      splitting: true,
      chunkNames: "part-[hash]",
    }),
  ]);
  return { init, netboot, k3os };
}

/** One module with everything that `entryPoint` imports, but for QuickJS's own modules. */
export async function bundleForQuickjs(
  entryPoint: string,
  architecture: ArchitectureName = hostArchitecture(),
): Promise<Uint8Array> {
  const files = await bundle(architecture, { entryPoints: [entryPoint], outdir: "/" });
  return [...files.values()][0] ?? new Uint8Array();
}

async function bundle(architecture: ArchitectureName, options: BuildOptions): Promise<ReadonlyMap<string, Uint8Array>> {
  try {
    const { outputFiles = [] } = await build({
      ...options,
      bundle: true,
      write: false,
      format: "esm",
      platform: "neutral",
      mainFields: ["module", "main"],
      // QuickJS's own modules, under the names that do not collide with packages.
      alias: { "qjs:std": "std", "qjs:os": "os" },
      external: ["std", "os"],
      define: { K3OS_ARCHITECTURE: JSON.stringify(architecture) },
      target: "es2023",
      minifyWhitespace: true,
      minifySyntax: true,
      legalComments: "none",
      logLevel: "silent",
    });
    return new Map(outputFiles.map(({ path, contents }) => [basename(path), contents]));
  } catch (error) {
    const [first] = (error as { errors?: { text: string; location?: { file: string; line: number } }[] }).errors ?? [];
    if (!first) throw error;
    const place = first.location ? `${first.location.file}:${first.location.line} ` : "";
    throw new K3osError("build", `The node's program cannot be bundled: ${place}${first.text}`, { cause: error });
  }
}
