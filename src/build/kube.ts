import { writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { K3osError } from "../errors.ts";
import { runCommand } from "../process/run.ts";
import { megabytes, treeSize } from "./extract.ts";
import type { Work } from "./steps.ts";

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
export async function compileKube(work: Work, project: string, jobs: number | undefined): Promise<string> {
  const kube = join(project, "kube");
  const env = { GOTOOLCHAIN: "local", ...(jobs !== undefined && { GOMAXPROCS: `${jobs}` }) };
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
  const version = await work.command([join(work.out, "k3s"), "--version"]);
  writeFileSync(join(work.out, "version"), /v\d\S*/.exec(version)?.[0] ?? "unknown");
  return megabytes(treeSize(work.out));
}
