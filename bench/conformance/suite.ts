/** The suite and its images, made once and kept in the cache. */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { extractPackages, megabytes, treeSize } from "../../src/build/extract.ts";
import { hostArchitecture } from "../../src/build/host-architecture.ts";
import { sourceFiles } from "../../src/build/identity.ts";
import { type BuiltImage, goCompiler } from "../../src/build/index.ts";
import { cacheLibraries, finishRoot } from "../../src/build/root-packages.ts";
import { imageArchive } from "../../src/formats/oci.ts";
import { ARCHITECTURES } from "../../src/image/architecture.ts";
import { parseBaseSpec } from "../../src/image/spec.ts";
import type { Progress } from "../../src/progress.ts";
import { type BenchWorkshop, inBenchWorkshop } from "../machines/workshop.ts";
import { compileSuite } from "./compile.ts";
import { containerImages, madeImages } from "./containers.ts";

export interface Suite {
  /** The test program. */
  readonly program: string;
  /** An archive of all images that its pods run. */
  readonly images: string;
  /** The names of all specs of [Conformance]. */
  readonly specs: readonly string[];
}

export interface SuiteOptions {
  readonly image: BuiltImage;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** The suite of the Kubernetes that the image has; compiling it takes minutes, once. */
export function conformanceSuite(options: SuiteOptions): Promise<Suite> {
  return inBenchWorkshop(options, async (shop) => {
    const [compiled, debian] = await Promise.all([compiledSuite(shop, options), debianTree(shop)]);
    const images = await imagesArchive(shop, compiled, debian);
    const specs = parse(readFileSync(join(compiled, "conformance.yaml"), "utf8")) as { readonly codename: string }[];
    return {
      program: join(compiled, "e2e.test"),
      images: join(images, "images.tar"),
      specs: specs.map(({ codename }) => codename),
    };
  });
}

/** What Go and images of containers call the processor of the nodes. */
const goNameOf = ({ image }: BenchWorkshop) => ARCHITECTURES[image.imageJson.architecture].go;

async function compiledSuite(shop: BenchWorkshop, { progress, signal }: SuiteOptions): Promise<string> {
  const read = (path: string) => sourceFiles(join(shop.project, path));
  const [source, flags] = await Promise.all([read("bench/conformance/e2e"), read("kube/flags.sh")]);
  return shop.runner.run({
    name: "bench-conformance-suite",
    title: "Conformance suite",
    maker: "suite",
    parts: { source, flags, architecture: goNameOf(shop) },
    async make(work) {
      const { env } = await goCompiler({ progress, signal });
      await compileSuite(work, { source, flags }, env);
      return megabytes(treeSize(work.out));
    },
  });
}

async function debianTree(shop: BenchWorkshop): Promise<string> {
  const { packages, project, image } = shop;
  const { architecture } = image.imageJson;
  const name = "bench/conformance/images.yaml";
  const spec = parseBaseSpec(readFileSync(join(project, name), "utf8"), name, {
    architecture,
    host: hostArchitecture(),
  });
  const applets = await sourceFiles(join(project, "os/busybox-applets"));
  const set = { architecture, packages: spec.packages, exclude: spec.exclude };
  const lock = (await packages.resolve({ conformance: set }, "Versions of the suite's images")).packages.conformance;
  return shop.runner.run({
    name: "bench-conformance-debian",
    title: "Debian of the suite's images",
    maker: "containers",
    parts: { spec, applets, packages: lock?.map(({ sha256 }) => sha256), tools: image.tools },
    async make(work) {
      await packages.fetch(lock ?? [], work.log, work.update);
      await extractPackages(work, lock ?? [], packages.debs, []);
      finishRoot(work, spec, applets);
      await cacheLibraries(work, image.tools);
      return megabytes(treeSize(work.out));
    },
  });
}

function imagesArchive(shop: BenchWorkshop, suite: string, debian: string): Promise<string> {
  return shop.runner.run({
    name: "bench-conformance-images",
    title: "The suite's images",
    maker: "containers",
    parts: { suite, debian },
    async make(work) {
      const names = madeImages(readFileSync(join(suite, "images.txt"), "utf8"));
      const images = containerImages(names, { suite, debian, architecture: goNameOf(shop) });
      const archive = imageArchive(images, { sha256: (data) => createHash("sha256").update(data).digest("hex") });
      writeFileSync(join(work.out, "images.tar"), archive);
      return `${names.length} images, ${megabytes(archive.length)}`;
    },
  });
}
