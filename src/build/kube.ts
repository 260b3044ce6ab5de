import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ARCHITECTURES } from "../image/architecture.ts";
import { isTest, makeKube } from "./compile-kube.ts";
import { goToolchain } from "./go.ts";
import { sourceFiles } from "./identity.ts";
import { k3sRelease } from "./release.ts";
import type { Kubernetes, Workshop } from "./workshop.ts";

/** Kubernetes built from source, or an official release of k3s: the spec says which. */
export async function kubernetes(shop: Workshop): Promise<Kubernetes> {
  const { spec } = shop;
  if (spec.kubernetes.source === "k3s") return k3sRelease(shop, spec.kubernetes.version);
  const architecture = ARCHITECTURES[shop.architecture].go;
  const directory = await shop.runner.run({
    name: "kube",
    title: "Kubernetes",
    maker: "kube",
    // Its go.mod names the version of the compiler.
    parts: { source: await sourceFiles(join(shop.project, "kube"), isTest), architecture },
    make: async (work, parts) => makeKube(work, parts, await goToolchain(shop)),
  });
  return { directory, version: readFileSync(join(directory, "version"), "utf8").trim() };
}
