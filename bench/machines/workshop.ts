import { readdirSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { hostArchitecture } from "../../src/build/host-architecture.ts";
import type { BuiltImage } from "../../src/build/index.ts";
import { makerDigests } from "../../src/build/makers.ts";
import { type PackageSource, packageSource } from "../../src/build/packages.ts";
import { findProject } from "../../src/build/project.ts";
import { type Runner, runRecipe, type Step } from "../../src/build/steps.ts";
import { openStore, type Store } from "../../src/build/store.ts";
import { cacheDirectory } from "../../src/build/xdg.ts";
import { type BaseSpec, parseBaseSpec } from "../../src/image/spec.ts";
import type { Progress } from "../../src/progress.ts";

/** The project's store and packages, with which the compared machines are built. */
export interface BenchWorkshop {
  readonly project: string;
  readonly image: BuiltImage;
  /** `bench/machines/peer/peer.yaml`. */
  readonly peer: BaseSpec;
  readonly store: Store;
  readonly runner: Runner<BenchMaker>;
  readonly packages: PackageSource;
}

/** The modules whose code makes the results of the benches' steps. */
const BENCH_MAKERS = {
  parts: "bench/machines/parts.ts",
  peer: "bench/machines/peer.ts",
  suite: "bench/conformance/compile.ts",
  containers: "bench/conformance/containers.ts",
} as const;
type BenchMaker = keyof typeof BENCH_MAKERS;

export interface WorkshopOptions {
  readonly image: BuiltImage;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

export async function inBenchWorkshop<T>(
  { image, progress, signal }: WorkshopOptions,
  make: (shop: BenchWorkshop) => Promise<T>,
): Promise<T> {
  const project = findProject();
  const name = "bench/machines/peer/peer.yaml";
  const { architecture } = image.imageJson;
  const names = { architecture, host: hostArchitecture() };
  const peer = parseBaseSpec(readFileSync(join(project, name), "utf8"), name, names);
  const store = openStore(cacheDirectory(process.env));
  const makers = await makerDigests(project, BENCH_MAKERS);
  return runRecipe({ store, progress, signal, makers }, (runner) =>
    make({
      ...{ project, image, peer, store, runner },
      packages: packageSource({
        ...{ ...names, store, progress, signal: runner.signal, env: process.env },
        ...{ apt: { sources: [] }, refresh: false, offline: false },
      }),
    }),
  );
}

/** Runs a step and removes its older results, which belong to earlier images. */
export async function runLatest({ runner, store }: BenchWorkshop, step: Step<unknown, BenchMaker>): Promise<string> {
  const result = await runner.run(step);
  const others = readdirSync(dirname(result)).filter(
    (name) => name.startsWith(`${step.name}-`) && name !== basename(result),
  );
  await Promise.all(others.map((name) => rm(store.path(name), { recursive: true, force: true })));
  return result;
}
