import { existsSync, readlinkSync, realpathSync } from "node:fs";
import { basename, join } from "node:path";

/** A program of the tools tree, ready to be spawned. */
export interface ToolCommand {
  readonly argv: readonly string[];
  /** To be added to the environment. */
  readonly env: Readonly<Record<string, string>>;
}

export interface Tools {
  readonly root: string;
  /** The absolute path of a file in the tree, such as firmware. */
  path(relative: string): string;
  /** How to run a program of the tree: `tools.command(["qemu-system-x86_64", "-M", "q35"])`. */
  command(argv: readonly string[]): ToolCommand;
  /** Runs a program of another Debian tree the same way, with that tree's libraries. */
  loadFrom(tree: string, program: string, args: readonly string[]): string[];
}

const libraries = "usr/lib/x86_64-linux-gnu";

/**
 * Programs of a Debian tree, run on whatever host this is: each is started by the tree's own dynamic loader with the
 * tree's own libraries. It sees the host's files at their usual paths, needs no privilege, leaves no mount behind,
 * and the process that is started is the program itself.
 */
export function toolsIn(root: string): Tools {
  const path = (relative: string) => join(root, relative);
  return {
    root,
    path,
    loadFrom: (tree, program, args) => [
      join(tree, libraries, "ld-linux-x86-64.so.2"),
      "--library-path",
      join(tree, libraries),
      ...(program === "" ? [] : [join(tree, program)]),
      ...args,
    ],
    command([name = "", ...args]) {
      const program = [`usr/bin/${name}`, `usr/sbin/${name}`].map(path).find((candidate) => isThere(candidate));
      if (!program) throw new Error(`the tools tree has no ${name}`);
      const loader = [
        path(`${libraries}/ld-linux-x86-64.so.2`),
        "--library-path",
        path(libraries),
        "--argv0",
        name,
        resolveIn(root, program),
      ];
      return {
        argv: [...loader, ...firmwareOptions(name, path), ...args],
        env: { QEMU_MODULE_DIR: path(`${libraries}/qemu`) },
      };
    },
  };
}

function firmwareOptions(name: string, path: (relative: string) => string): string[] {
  if (!name.startsWith("qemu-system-")) return [];
  return ["usr/share/qemu", "usr/share/seabios", `usr/lib/ipxe/qemu`].flatMap((directory) => ["-L", path(directory)]);
}

function isThere(path: string): boolean {
  try {
    readlinkSync(path);
    return true;
  } catch {
    return existsSync(path);
  }
}

/** Follows a link whose target is meant to be absolute within the tree. */
function resolveIn(root: string, program: string): string {
  try {
    const target = readlinkSync(program);
    if (target.startsWith("/")) return resolveIn(root, join(root, target));
    return basename(target) === target ? resolveIn(root, join(program, "..", target)) : realpathSync(program);
  } catch {
    return program;
  }
}
