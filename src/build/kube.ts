import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { K3osError } from "../errors.ts";
import { runCommand } from "../process/run.ts";
import { digestTree } from "./digest.ts";
import { megabytes, treeSize } from "./extract.ts";
import { type SourceFiles, sourceFiles } from "./identity.ts";
import { k3sRelease } from "./release.ts";
import type { Work } from "./steps.ts";
import type { Kubernetes, Workshop } from "./workshop.ts";

interface KubeParts {
  readonly source: SourceFiles;
  /** Version of the compiler. */
  readonly go: string;
}

/** Kubernetes built from source, or an official release of k3s: the spec says which. */
export async function kubernetes(shop: Workshop): Promise<Kubernetes> {
  const { spec } = shop;
  if (spec.kubernetes.source === "k3s") return k3sRelease(shop, spec.kubernetes.version);
  const directory = await shop.runner.run({
    name: "kube",
    title: "Kubernetes",
    maker: "kube",
    parts: {
      source: await sourceFiles(join(shop.project, "kube"), isTest),
      go: await requireGo(shop.project, shop.runner.signal),
    },
    make: makeKube,
  });
  return { directory, version: readFileSync(join(directory, "version"), "utf8").trim() };
}

const isTest = (name: string) => name.endsWith("_test.go");

async function makeKube(work: Work, { source }: KubeParts): Promise<string> {
  const size = await compileKube(work, source.path);
  if ((await digestTree(source.path, isTest)) === source.identity) return size;
  throw new K3osError("build", "Files in kube/ were changed while they were compiled.", { hint: "Build again." });
}

/** The version of the host's Go; a K3osError when it is missing or older than `kube/go.mod` asks for. */
export async function requireGo(project: string, signal?: AbortSignal): Promise<string> {
  const wanted = /^go (\S+)/m.exec(await readFile(join(project, "kube/go.mod"), "utf8"))?.[1] ?? "1.26";
  const hint = `Install Go ${wanted} or newer (go.dev/dl), or take an official release: \`kubernetes: { source: k3s, … }\` in the image spec.`;
  const printed = await runCommand(["go", "env", "GOVERSION"], {
    cwd: join(project, "kube"),
    env: { GOTOOLCHAIN: "local" },
    ...(signal && { signal }),
  }).catch((cause) => {
    if (cause instanceof K3osError) throw cause;
    // Go itself refuses to run in a module that asks for a newer one.
    const [, running] = /running go ([\d.]+)/.exec(cause.stderr ?? "") ?? [];
    throw new K3osError("host", running ? tooOld(running, wanted) : "Go is missing: Kubernetes is built from source.", {
      hint,
      cause,
    });
  });
  const version = printed.trim();
  if (isOlder(version.replace(/^go/, ""), wanted)) throw new K3osError("host", tooOld(version, wanted), { hint });
  return version;
}

const tooOld = (found: string, wanted: string) =>
  `Go ${found.replace(/^go/, "")} is too old: Kubernetes needs ${wanted}.`;

/** Compares versions such as 1.26 and 1.26.8 number by number. */
export function isOlder(version: string, wanted: string): boolean {
  const numbers = (text: string) => text.split(/[^\d]+/).map(Number);
  const [have, need] = [numbers(version), numbers(wanted)];
  for (const [index, part] of need.entries()) {
    if ((have[index] ?? 0) !== part) return (have[index] ?? 0) < part;
  }
  return false;
}

/** Compiles Kubernetes. The compiler names each package it has done: that is the counter. */
async function compileKube(work: Work, kube: string): Promise<string> {
  const env = { GOTOOLCHAIN: "local", ...(work.jobs !== undefined && { GOMAXPROCS: `${work.jobs}` }) };
  let done = 0;
  let total = 0;
  const counting = runCommand(["go", "list", "-deps", "./..."], { cwd: kube, env, signal: work.signal }).then(
    (list) => {
      total = list.trim().split("\n").length;
    },
    () => {},
  );
  const onErrorLine = (line: string) => {
    if (!/^[\w.~-]+(\/[\w.~-]+)*$/.test(line)) return;
    done += 1;
    work.update(total ? `${done}/${Math.max(total, done)} packages` : `${done} packages`);
  };
  await work.command([join(kube, "build.sh"), work.out], { cwd: kube, env, onErrorLine });
  await counting;
  return megabytes(treeSize(work.out));
}
