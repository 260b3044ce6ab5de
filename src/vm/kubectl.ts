import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { hostArchitecture } from "../build/host-architecture.ts";
import type { BuiltImage } from "../build/index.ts";
import { K3osError } from "../errors.ts";

/** The kubectl of an image, if this workstation can run it. */
export function kubectlIn({ imageJson, k3s }: Pick<BuiltImage, "imageJson" | "k3s">): { readonly k3s?: string } {
  return imageJson.architecture === hostArchitecture() ? { k3s } : {};
}

/** How to start kubectl: as the k3s binary of the image, or as the user's own kubectl if that image was pruned. */
export function kubectlCommand(
  k3s: string | undefined,
  path = process.env.PATH ?? "",
): [program: string, ...first: string[]] {
  if (k3s !== undefined && existsSync(k3s)) return [k3s, "kubectl"];
  const own = path
    .split(delimiter)
    .map((dir) => join(dir, "kubectl"))
    .find((file) => existsSync(file));
  if (own !== undefined) return [own];
  throw new K3osError("host", "There is no kubectl: the image's own was pruned, and none is in your PATH.", {
    hint: 'Run "./k3os build", or install kubectl.',
  });
}
