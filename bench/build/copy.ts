import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { linkTree } from "../../src/build/tree.ts";
import { cacheDirectory } from "../../src/build/xdg.ts";
import { runCommand } from "../../src/process/run.ts";

/** A copy of the project that may be changed. Its own cache starts with the content of the user's cache. */
export interface ProjectCopy {
  readonly project: string;
  /** The environment for commands in the copy: it has its own cache and machines. */
  readonly env: Readonly<Record<string, string>>;
  /** Changes a file the way an editor would. */
  append(path: string, text: string): void;
  remove(): void;
}

/** The directories of a cache that a build uses again. */
const cached = ["store", "debs", "resolved", "accel.json"];

/**
 * Copies the working tree as it is: what is committed, changed and new, not what is ignored. `isCold` gives the copy an
 * empty cache.
 */
export async function copyProject(
  project: string,
  { isCold, signal }: { readonly isCold: boolean; readonly signal: AbortSignal },
): Promise<ProjectCopy> {
  const cache = cacheDirectory(process.env);
  mkdirSync(cache, { recursive: true });
  const directory = mkdtempSync(join(cache, "bench-"));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  try {
    const copy = join(directory, "project");
    await copyWorkingTree(project, copy, signal);
    linkPackages(project, copy);
    const own = join(directory, "cache/k3os");
    mkdirSync(own, { recursive: true });
    const kept = isCold ? [] : readdirSync(cache).filter((name) => cached.includes(name));
    for (const name of kept) {
      await linkTree(join(cache, name), join(own, name)); // hard links are quick and take no space
    }
    // Go's cache lies in the user's cache directory, too: without this, the copy's would be empty.
    const goCache = isCold ? join(directory, "cache/go-build") : currentGoCache(cache);
    return {
      project: copy,
      env: {
        XDG_CACHE_HOME: join(directory, "cache"),
        XDG_STATE_HOME: join(directory, "state"),
        GOCACHE: goCache,
      },
      append: (path, text) => appendFileSync(join(copy, path), text),
      remove,
    };
  } catch (error) {
    remove();
    throw error;
  }
}

function currentGoCache(cache: string): string {
  return process.env.GOCACHE || join(dirname(cache), "go-build");
}

async function copyWorkingTree(project: string, copy: string, signal: AbortSignal): Promise<void> {
  const listed = await runCommand(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    ...{ cwd: project, signal },
  });
  for (const path of listed.split("\0").filter(Boolean)) {
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    cpSync(join(project, path), join(copy, path), { verbatimSymlinks: true, force: true });
  }
}

/** Links the project's npm packages. The bundle beside them is the copy's own. */
function linkPackages(project: string, copy: string): void {
  const [from, to] = [join(project, "node_modules"), join(copy, "node_modules")];
  mkdirSync(to);
  for (const name of readdirSync(from).filter((name) => name !== ".cache"))
    symlinkSync(join(from, name), join(to, name));
}
