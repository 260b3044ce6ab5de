import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** The repository that this code belongs to, also when it runs from a bundle inside of it. */
export function findProject(start = dirname(fileURLToPath(import.meta.url))): string {
  for (let directory = start; directory !== dirname(directory); directory = dirname(directory)) {
    if (existsSync(join(directory, "os/base.yaml"))) return directory;
  }
  throw new Error(`${start} is not inside of the k3OS repository`);
}

export async function projectVersion(project: string): Promise<string> {
  return JSON.parse(await readFile(join(project, "package.json"), "utf8")).version;
}

/** Modules that make a result, by the step that they belong to. */
const makers = {
  packages: "src/build/finish.ts",
  kernel: "src/build/kernel.ts",
  initrd: "src/build/initrd.ts",
  loader: "src/build/loader.ts",
  root: "src/build/root.ts",
  disk: "src/build/media/disk.ts",
  virtualDisk: "src/build/media/virtual-disk.ts",
  iso: "src/build/media/iso.ts",
  netboot: "src/build/media/netboot.ts",
};

/**
 * The identity of the code that makes each result, with all that it imports: when that changes, older results no longer count.
 * Comments and types are no part of it.
 */
export async function makerDigests(project: string): Promise<Record<keyof typeof makers, string>> {
  const { outputFiles } = await build({
    absWorkingDir: project,
    entryPoints: Object.entries(makers).map(([out, path]) => ({ in: path, out })),
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
  return Object.fromEntries(digests);
}
