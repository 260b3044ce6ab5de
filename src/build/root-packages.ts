import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { K3osError } from "../errors.ts";
import { accountFiles } from "../image/accounts.ts";
import type { Lock } from "../image/lock.ts";
import type { BaseSpec } from "../image/spec.ts";
import { readApplets } from "./busybox.ts";
import { dropPaths, extractPackages, megabytes, treeSize } from "./extract.ts";
import { type SourceFiles, sourceFiles } from "./identity.ts";
import { type PackageFiles, packageStep } from "./package-step.ts";
import type { Work } from "./steps.ts";
import type { Tools } from "./tools.ts";
import type { Workshop } from "./workshop.ts";

/** What of `os/base.yaml` says how the packages of a root are finished. */
export type Finish = Pick<
  BaseSpec,
  "directories" | "copies" | "edits" | "users" | "groups" | "links" | "applets" | "drop"
>;

interface RootPackagesParts {
  readonly packages: PackageFiles;
  readonly finish: Finish;
  /** `os/busybox-applets` */
  readonly applets: SourceFiles;
  readonly tools: Tools;
  /** Whether the tools are for the same processor. */
  readonly isNative: boolean;
}

/** The packages of the root, unpacked and finished. Returns their directory. */
export async function rootPackages(shop: Workshop, lock: Lock, tools: Tools): Promise<string> {
  const { directories, copies, edits, users, groups, links, applets, drop } = shop.base;
  const list = await sourceFiles(join(shop.project, "os/busybox-applets"));
  const finish = { directories, copies, edits, users, groups, links, applets, drop: [...drop, ...shop.spec.drop] };
  return packageStep(shop, lock, "root", {
    title: "Root packages",
    maker: "packages",
    parts: { finish, applets: list, tools, isNative: shop.architecture === shop.host },
    make: makeRootPackages,
  });
}

async function makeRootPackages(work: Work, parts: RootPackagesParts): Promise<string> {
  const { packages, finish, applets, tools, isNative } = parts;
  await extractPackages(work, packages.locked, packages.debs, []);
  finishRoot(work, finish, applets);
  // ldconfig reads libraries of its own processor only. Without the cache, they are looked for in their directory.
  if (isNative) await cacheLibraries(work, tools);
  return megabytes(treeSize(work.out));
}

/** Does, on a tree of unpacked packages, what their maintainer scripts would have done. */
export function finishRoot(work: Work, finish: Finish, applets: SourceFiles): void {
  const root = work.out;
  makeDirectories(root, finish.directories);
  copyTemplates(root, finish.copies);
  editFiles(root, finish.edits);
  writeAccounts(root, finish);
  linkAlternatives(root, finish.links);
  linkBusyboxApplets(root, finish.applets.without, applets);
  bundleCertificates(root);
  dropPaths(root, finish.drop);
}

function makeDirectories(root: string, directories: readonly string[]): void {
  for (const path of directories) mkdirSync(join(root, path), { recursive: true });
}

function copyTemplates(root: string, copies: Readonly<Record<string, string>>): void {
  for (const [to, from] of Object.entries(copies)) {
    mkdirSync(join(root, dirname(to)), { recursive: true });
    writeFileSync(join(root, to), readFileSync(join(root, from)));
  }
}

function editFiles(root: string, edits: BaseSpec["edits"]): void {
  for (const { path, find, replace } of edits) {
    const text = readFileSync(join(root, path), "utf8");
    if (!text.includes(find)) {
      throw new K3osError("build", `${path} no longer has the text that os/base.yaml replaces: ${find}`, {
        hint: "Its package changed: look whether the edit is still needed.",
      });
    }
    writeFileSync(join(root, path), text.replaceAll(find, replace));
  }
}

function writeAccounts(root: string, accounts: Pick<BaseSpec, "users" | "groups">): void {
  const master = (name: string) => readFileSync(join(root, `usr/share/base-passwd/${name}.master`), "utf8");
  const files = accountFiles({ passwd: master("passwd"), group: master("group") }, accounts);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(root, "etc", name), content);
}

function linkAlternatives(root: string, links: Readonly<Record<string, string>>): void {
  for (const [path, target] of Object.entries(links)) {
    rmSync(join(root, path), { recursive: true, force: true });
    mkdirSync(join(root, dirname(path)), { recursive: true });
    symlinkSync(target, join(root, path));
  }
}

/** Busybox stands in for every command that no package brings. */
function linkBusyboxApplets(root: string, without: readonly string[], list: SourceFiles): void {
  for (const applet of readApplets(list.path, join(root, "usr/bin/busybox"))) {
    const name = basename(applet);
    const directory = /(^|\/)sbin\//.test(applet) ? "usr/sbin" : "usr/bin";
    const taken = ["usr/bin", "usr/sbin"].some((place) => isThere(join(root, place, name)));
    if (taken || without.includes(name)) continue;
    symlinkSync(directory === "usr/bin" ? "busybox" : "../bin/busybox", join(root, directory, name));
  }
}

/**
 * One file of all certificates that Mozilla trusts, as update-ca-certificates makes it; the single ones are dropped.
 */
function bundleCertificates(root: string): void {
  const source = join(root, "usr/share/ca-certificates");
  if (!existsSync(source)) return;
  const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".crt"));
  const bundle = files.sort().map((name) => `${readFileSync(join(source, name), "utf8").trim()}\n`);
  mkdirSync(join(root, "etc/ssl/certs"), { recursive: true });
  writeFileSync(join(root, "etc/ssl/certs/ca-certificates.crt"), bundle.join(""));
  rmSync(source, { recursive: true });
}

/** Lets programs of the tree find their libraries quicker. */
export async function cacheLibraries(work: Work, tools: Tools): Promise<void> {
  const ldconfig = tools.command(["ldconfig", "-r", work.out, "-X"]);
  await work.command(ldconfig.argv, { env: ldconfig.env });
  rmSync(join(work.out, "var/cache/ldconfig"), { recursive: true, force: true });
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
