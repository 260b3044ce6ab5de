import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { digestOf, digestTree } from "./digest.ts";

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

/** The identity of the code that builds: when it changes, what it built before no longer counts. */
export async function recipeDigest(project: string): Promise<string> {
  const folders = ["src/build", "src/image", "src/formats"].map((folder) =>
    digestTree(join(project, folder), (name) => name.endsWith(".test.ts")),
  );
  return digestOf(await Promise.all(folders));
}
