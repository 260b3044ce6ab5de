import { readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { K3osError } from "../errors.ts";
import { CommandFailure, runCommand } from "../process/run.ts";
import { extractPackages, megabytes, treeSize } from "./extract.ts";
import { type PackageFiles, packageStep } from "./package-step.ts";
import type { Work } from "./steps.ts";
import type { Workshop } from "./workshop.ts";

/** The Go compiler that `kube/go.mod` names. */
export interface GoToolchain {
  /** What to run `go` with: its directory comes first in PATH, and it takes no other version. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Finds the compiler, or has it fetched. Debian's Go, older than what is wanted, gets the wanted one from Go's module
 * proxy, checks it against Go's checksum database, and keeps it in Go's module cache. The environment (GOPROXY,
 * GOMODCACHE …) and `go env -w` have their usual say.
 */
export async function goToolchain(shop: Workshop): Promise<GoToolchain> {
  const kube = join(shop.project, "kube");
  const version = wantedGo(readFileSync(join(kube, "go.mod"), "utf8"));
  const go = realpathSync(join(await goPackages(shop), "usr/bin/go"));
  const signal = shop.runner.signal;
  // It would not find its directory, and what that says of the proxy, without the standard library that is left out.
  const env = { GOTOOLCHAIN: version, GOROOT: dirname(dirname(go)) };
  const root = await runCommand([go, "env", "GOROOT"], { cwd: kube, env, signal }).catch((error) => {
    throw error instanceof CommandFailure ? notFetched(version, error) : error;
  });
  const bin = join(root.trim(), "bin");
  return { env: { PATH: `${bin}:${process.env.PATH ?? ""}`, GOROOT: root.trim(), GOTOOLCHAIN: "local" } };
}

/** The version that a go.mod asks for, as `GOTOOLCHAIN` takes it: `go1.26.8`. */
export function wantedGo(goMod: string): string {
  const toolchain = /^toolchain (\S+)$/m.exec(goMod)?.[1];
  if (toolchain !== undefined) return toolchain;
  return `go${/^go (\S+)$/m.exec(goMod)?.[1]}`;
}

/**
 * Debian's Go. It is no part of an image and of its lock: what compiles is the version in go.mod, whichever Go has
 * fetched that. So it is asked for only when something is to be compiled.
 */
async function goPackages(shop: Workshop): Promise<string> {
  const { packages, exclude, drop } = shop.base.go;
  const lock = await shop.packages.resolve({ go: { architecture: shop.host, packages, exclude } }, "Version of Go");
  return packageStep(shop, lock, "go", { title: "Go", maker: "go", parts: { drop }, make: makeGoPackages });
}

interface GoParts {
  readonly packages: PackageFiles;
  readonly drop: readonly string[];
}

async function makeGoPackages(work: Work, { packages, drop }: GoParts): Promise<string> {
  await extractPackages(work, packages.locked, packages.debs, drop);
  return megabytes(treeSize(work.out));
}

function notFetched(version: string, error: CommandFailure): K3osError {
  const reason = error.stderr.trim().split("\n").at(-1) ?? error.message;
  return new K3osError("network", `The compiler ${version} could not be fetched: ${reason}`, {
    hint: "Check the network and GOPROXY, or take an official release: `kubernetes: { source: k3s, … }` in the image spec.",
    cause: error,
  });
}
