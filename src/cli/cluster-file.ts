import { chmodSync, existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import type { BuildOptions } from "../build/index.ts";
import { readNamedFile } from "../build/read-file.ts";
import { type ClusterFile, type ReadCluster, readCluster } from "../cluster/index.ts";
import type { ManifestFile } from "../cluster/manifests.ts";
import type { Problem } from "../config/problem.ts";
import { token as tokenCheck } from "../config/values.ts";
import { K3osError } from "../errors.ts";
import { nodeHost } from "../host/node.ts";
import { matcher } from "../image/glob.ts";
import type { Io } from "./io.ts";
import { reportProblems } from "./report.ts";

const readClusterText = (path: string) =>
  readNamedFile(path, "docs/cluster.md says what it holds; examples/cluster.yaml is one.");

/** The name of the cluster, if the file says one, whatever else is wrong with it or its manifests. */
export const clusterNameIn = (path: string): string | undefined =>
  readCluster({ path, text: readClusterText(path) }, () => []).name;

/** Reads and checks a cluster file and the manifests that it names. */
export function checkClusterFile(path: string, text = readClusterText(path)): ReadCluster {
  return readCluster({ path, text }, (pattern) => manifestsIn(dirname(path), pattern));
}

/** The same, and reports every problem before anything is built or booted. `further` finds what keeps it from a use. */
export function requireClusterFile(
  path: string,
  io: Io,
  further: (cluster: ClusterFile, complain: ReadCluster["complain"]) => Problem | undefined = () => undefined,
): ClusterFile {
  const { cluster, problems, complain } = checkClusterFile(path);
  const more = cluster === undefined ? undefined : further(cluster, complain);
  reportProblems(more === undefined ? problems : [...problems, more], io);
  if (cluster !== undefined && more === undefined) return cluster;
  throw new K3osError("config", `${path} has mistakes: nothing was done.`, {
    hint: `When they are corrected: ./k3os config check ${path}`,
  });
}

/** The files that a pattern names, in the order of their names. `*` matches within one name, `**` anything. */
function manifestsIn(directory: string, pattern: string): readonly ManifestFile[] {
  const read = (path: string) => ({ path: relative("", path), text: readNamedFile(path) });
  const whole = resolve(directory, pattern);
  if (!/[*{]/.test(pattern)) return existsSync(whole) ? [read(whole)] : [];
  const above = dirname(whole.replace(/[*{].*$/s, "x"));
  if (!existsSync(above) || !statSync(above).isDirectory()) return [];
  const isMeant = matcher([whole]);
  const recursive = /\*\*|[*{].*\//s.test(pattern);
  const all = readdirSync(above, { recursive, encoding: "utf8" }).map((name) => join(above, name));
  return all
    .filter((path) => isMeant(path) && statSync(path, { throwIfNoEntry: false })?.isFile() === true)
    .sort()
    .map(read);
}

/** What the image is made of, as `./k3os build` takes it. */
export function imageOptions(path: string, { image }: ClusterFile): Pick<BuildOptions, "spec" | "flavour" | "lock"> {
  const beside = (file: string) => resolve(dirname(path), file);
  return {
    ...(image.spec !== undefined && { spec: beside(image.spec) }),
    ...(image.flavour !== undefined && { flavour: image.flavour }),
    ...(image.lock !== undefined && { lock: beside(image.lock) }),
  };
}

/** Where the token of a cluster file is kept that names none. */
export const tokenPath = (path: string): string => `${path.replace(/\.ya?ml$/, "")}.token`;

/**
 * The cluster's token: that of the file, or the one beside it. If there is neither, `make` makes one, which is written
 * there for its owner alone.
 */
export function tokenFor(path: string, { token }: ClusterFile, make: () => string): string {
  if (token !== undefined) return token;
  const beside = tokenPath(path);
  if (!existsSync(beside)) {
    const made = make();
    write(beside, made);
    return made;
  }
  if ((statSync(beside).mode & 0o077) !== 0) chmodSync(beside, 0o600);
  const kept = readNamedFile(beside).trim();
  if (tokenCheck(kept) === undefined) return kept;
  throw new K3osError("config", `${beside} has to hold the cluster's token on one line, and does not.`, {
    hint: "Put it back, or remove the file for a new one: machines that know the old one do not join then.",
  });
}

function write(path: string, token: string): void {
  try {
    nodeHost.write(path, `${token}\n`, { mode: 0o600 });
  } catch (cause) {
    throw new K3osError("host", `The cluster's token cannot be written to ${path}: ${(cause as Error).message}.`, {
      hint: "Make the directory writable, or set `token` in the cluster file.",
      cause,
    });
  }
}
