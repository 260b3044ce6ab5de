import { join } from "node:path";
import { build } from "esbuild";
import { K3osError } from "../errors.ts";

/** The programs of the node. The initrd has one of its own, a tenth of the other: reading a program is part of every boot. */
export interface NodePrograms {
  /** `/init.js` in the initrd. */
  readonly init: Uint8Array;
  /** `/usr/lib/k3os/k3os.js` in the root. */
  readonly k3os: Uint8Array;
}

/** Bundles `src/node`, each program as one module for QuickJS. Names survive, so that a stack trace can be read. */
export async function bundleNode(project: string): Promise<NodePrograms> {
  const [init, k3os] = await Promise.all([
    bundleForQuickjs(join(project, "src/node/init/main.ts")),
    bundleForQuickjs(join(project, "src/node/main.ts")),
  ]);
  return { init, k3os };
}

/** One module with everything that `entryPoint` imports, but for QuickJS's own modules. */
export async function bundleForQuickjs(entryPoint: string): Promise<Uint8Array> {
  try {
    const { outputFiles } = await build({
      entryPoints: [entryPoint],
      bundle: true,
      write: false,
      format: "esm",
      platform: "neutral",
      mainFields: ["module", "main"],
      // QuickJS's own modules, under the names that do not collide with packages.
      alias: { "qjs:std": "std", "qjs:os": "os" },
      external: ["std", "os"],
      target: "es2023",
      minifyWhitespace: true,
      minifySyntax: true,
      legalComments: "none",
      logLevel: "silent",
    });
    return outputFiles[0]?.contents ?? new Uint8Array();
  } catch (error) {
    const [first] = (error as { errors?: { text: string; location?: { file: string; line: number } }[] }).errors ?? [];
    if (!first) throw error;
    const place = first.location ? `${first.location.file}:${first.location.line} ` : "";
    throw new K3osError("build", `The node's program cannot be bundled: ${place}${first.text}`, { cause: error });
  }
}
