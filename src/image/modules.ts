import { matcher } from "./glob.ts";

/**
 * The files of the named kernel modules and of all that they need, relative to the directory of `modules.dep`, in the
 * order in which they load. A name with a slash is a pattern of paths below `kernel/`. A name that is not there (built
 * in, or not in this kernel) is skipped.
 */
export function moduleFiles(modulesDep: string, names: readonly string[]): string[] {
  const needs = new Map<string, readonly string[]>();
  const paths = new Map<string, string>();
  for (const line of modulesDep.split("\n")) {
    const [path, dependencies = ""] = line.split(":");
    if (!path) continue;
    needs.set(path, dependencies.split(" ").filter(Boolean));
    paths.set(moduleName(path), path);
  }
  const files = new Set<string>();
  const add = (path: string) => {
    for (const dependency of needs.get(path) ?? []) if (!files.has(dependency)) add(dependency);
    files.add(path);
  };
  for (const name of names) {
    for (const path of name.includes("/") ? below(name, needs) : [paths.get(name.replaceAll("-", "_"))]) {
      if (path !== undefined) add(path);
    }
  }
  return [...files];
}

function below(pattern: string, files: ReadonlyMap<string, unknown>): string[] {
  return [...files.keys()].filter(matcher([`kernel/${pattern}`]));
}

function moduleName(path: string): string {
  const file = path.slice(path.lastIndexOf("/") + 1);
  return file.replace(/\.ko(\.\w+)?$/, "").replaceAll("-", "_");
}
