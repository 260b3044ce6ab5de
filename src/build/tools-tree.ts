import type { Lock } from "../image/lock.ts";
import { extractPackages, megabytes, treeSize } from "./extract.ts";
import { type PackageFiles, packageStep } from "./package-step.ts";
import type { Work } from "./steps.ts";
import { type Tools, toolsIn } from "./tools.ts";
import type { Workshop } from "./workshop.ts";

interface TreeParts {
  readonly packages: PackageFiles;
  readonly drop: readonly string[];
}

/** The programs that the other steps and the virtual machines use. */
export async function toolsTree(shop: Workshop, lock: Lock): Promise<Tools> {
  const { drop } = shop.base.tools;
  return toolsIn(
    await packageStep(shop, lock, "tools", { title: "Tools", maker: "tools", parts: { drop }, make: makeTree }),
    shop.host,
  );
}

/** Files for the node's processor that are no part of its root: nothing here runs them. Returns their directory. */
export function targetTree(shop: Workshop, lock: Lock): Promise<string> {
  const { drop } = shop.base.target;
  const title = "Boot loader packages";
  return packageStep(shop, lock, "target", { title, maker: "tools", parts: { drop }, make: makeTree });
}

async function makeTree(work: Work, { packages, drop }: TreeParts): Promise<string> {
  await extractPackages(work, packages.locked, packages.debs, drop);
  return megabytes(treeSize(work.out));
}
