import type { Lock } from "../image/lock.ts";
import { extractPackages, megabytes, treeSize } from "./extract.ts";
import { type PackageFiles, packageStep } from "./package-step.ts";
import type { Work } from "./steps.ts";
import { type Tools, toolsIn } from "./tools.ts";
import type { Workshop } from "./workshop.ts";

interface ToolsParts {
  readonly packages: PackageFiles;
  readonly drop: readonly string[];
}

/** The programs that the other steps and the virtual machines use. */
export async function toolsTree(shop: Workshop, lock: Lock): Promise<Tools> {
  const { drop } = shop.base.tools;
  return toolsIn(
    await packageStep(shop, lock, "tools", { title: "Tools", maker: "tools", parts: { drop }, make: makeTools }),
  );
}

async function makeTools(work: Work, { packages, drop }: ToolsParts): Promise<string> {
  await extractPackages(work, packages.locked, packages.debs, drop);
  return megabytes(treeSize(work.out));
}
