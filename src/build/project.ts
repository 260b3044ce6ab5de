import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

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
