import { join } from "node:path";
import { build } from "esbuild";
import { K3osError } from "../errors.ts";

/** The program of the node, `src/node/main.ts`, as one module for QuickJS. Names survive, so that a stack trace can be read. */
export async function bundleNode(project: string): Promise<Uint8Array> {
  try {
    const { outputFiles } = await build({
      entryPoints: [join(project, "src/node/main.ts")],
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
