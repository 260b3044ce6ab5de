import { lstatSync, readlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { ARCHITECTURES, type ArchitectureName } from "../image/architecture.ts";
import { hostArchitecture } from "./host-architecture.ts";
import type { Identified } from "./identity.ts";

/** A program of the tools tree, ready to be spawned. */
export interface ToolCommand {
  readonly argv: readonly string[];
  /** To be added to the environment. */
  readonly env: Readonly<Record<string, string>>;
}

export interface Tools extends Identified {
  readonly root: string;
  /** The absolute path of a file in the tree, such as firmware. */
  path(relative: string): string;
  /** How to run a program of the tree: `tools.command(["mkfs.ext4", file])`. */
  command(argv: readonly string[]): ToolCommand;
}

/**
 * Programs of a Debian tree, run on whatever host this is: each is started by the tree's own dynamic loader with the
 * tree's own libraries. It sees the host's files at their usual paths, needs no privilege, leaves no mount behind,
 * and the process that is started is the program itself.
 */
export function toolsIn(root: string, host: ArchitectureName = hostArchitecture()): Tools {
  const { triple, loader: loaderPath } = ARCHITECTURES[host];
  const libraries = `usr/lib/${triple}`;
  const path = (relative: string) => join(root, relative);
  const loader = [path(`${libraries}/${basename(loaderPath)}`), "--library-path", path(libraries)];
  return {
    identity: root,
    root,
    path,
    command([name = "", ...args]) {
      const program = [`usr/bin/${name}`, `usr/sbin/${name}`].map(path).find(isThere);
      if (!program) throw new Error(`the tools tree has no ${name}`);
      return {
        argv: [...loader, "--argv0", name, resolveIn(root, program), ...firmwareOptions(name, path), ...args],
        env: { QEMU_MODULE_DIR: path(`${libraries}/qemu`) },
      };
    },
  };
}

function firmwareOptions(name: string, path: (relative: string) => string): string[] {
  if (!name.startsWith("qemu-system-")) return [];
  return ["usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu"].flatMap((directory) => ["-L", path(directory)]);
}

/** Follows links as they would be followed if the tree were the root. */
function resolveIn(root: string, program: string): string {
  if (!lstatSync(program).isSymbolicLink()) return program;
  const target = readlinkSync(program);
  return resolveIn(root, target.startsWith("/") ? join(root, target) : join(dirname(program), target));
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
