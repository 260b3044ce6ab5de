import { bootFirmwareFiles } from "./boot-firmware.ts";
import { bundleNode } from "./bundle.ts";
import { devInitrd } from "./dev-initrd.ts";
import { firmwareTree } from "./firmware.ts";
import { assembleImage } from "./image.ts";
import { initialRoot } from "./initrd.ts";
import { kernelTree } from "./kernel.ts";
import { kubernetes } from "./kube.ts";
import { bootLoader } from "./loader.ts";
import { lockPackages } from "./package-lock.ts";
import { emptyRoot, squashedRoot } from "./root.ts";
import { rootPackages } from "./root-packages.ts";
import { targetTree, toolsTree } from "./tools-tree.ts";
import type { MadeImage, System, Workshop } from "./workshop.ts";

/** The recipe of an image. Each step is in the file of its name, beside the code that makes its result. */
export async function makeImage(shop: Workshop): Promise<MadeImage> {
  const [kube, system] = await Promise.all([kubernetes(shop), makeSystem(shop)]);
  const [initrd, root] = await Promise.all([initialRoot(shop, system), squashedRoot(shop, system, kube)]);
  return { image: await assembleImage(shop, system, { kube, initrd, root }), system };
}

/**
 * The recipe of an image for `./k3os up --dev`. After an edit of the node's program or of os/rootfs, only its initrd is
 * made anew.
 */
export async function makeDevImage(shop: Workshop): Promise<MadeImage> {
  const [kube, system] = await Promise.all([kubernetes(shop), makeSystem(shop)]);
  const [imageInitrd, root] = await Promise.all([initialRoot(shop, system), emptyRoot(shop, system, kube)]);
  const initrd = await devInitrd(shop, system, imageInitrd);
  return { image: await assembleImage(shop, system, { kube, initrd, root }), system };
}

async function makeSystem(shop: Workshop): Promise<System> {
  const [lock, programs] = await Promise.all([lockPackages(shop), bundleNode(shop.project, shop.architecture)]);
  const [tools, target] = await Promise.all([toolsTree(shop, lock), targetTree(shop, lock)]);
  const [packages, kernel, loader] = await Promise.all([
    rootPackages(shop, lock, tools),
    kernelTree(shop, lock, tools),
    bootLoader(shop, { tools, target }),
  ]);
  const [firmware, boot] = await Promise.all([
    firmwareTree(shop, lock, kernel, tools),
    bootFirmwareFiles(shop, lock, kernel),
  ]);
  return { lock, tools, target, packages, kernel, firmware, loader, boot, programs };
}
