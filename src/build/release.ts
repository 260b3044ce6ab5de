import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { K3osError } from "../errors.ts";
import { ARCHITECTURES, type ArchitectureName } from "../image/architecture.ts";
import type { Lock } from "../image/lock.ts";
import { CommandFailure } from "../process/run.ts";
import { downloadFile, type Patience } from "./apt.ts";
import { megabytes, treeSize } from "./extract.ts";
import type { Work } from "./steps.ts";
import type { Store } from "./store.ts";
import type { Kubernetes, Workshop } from "./workshop.ts";

export type K3sRelease = NonNullable<Lock["k3s"]>;

/** An official release of k3s in the place of Kubernetes. */
export async function k3sRelease({ runner, releases }: Workshop, wanted: string): Promise<Kubernetes> {
  const release = await releases.resolve(wanted);
  const { version } = release;
  const make = (work: Work) => releases.fetch(work, release);
  const directory = await runner.run({ name: "k3s", title: `k3s ${version}`, maker: "k3s", parts: { release }, make });
  return { directory, version, release };
}

/** Official releases of k3s, as the project publishes them: a binary, and a list of sums beside it. */
export interface Releases {
  /** What the release's list of sums says of the binary: asked once, as a release never changes. */
  resolve(version: string): Promise<K3sRelease>;
  /** Fetches the binary, checked against its sum, and notes its version. */
  fetch(work: Work, release: K3sRelease): Promise<string>;
}

export interface ReleaseOptions {
  readonly architecture: ArchitectureName;
  readonly store: Store;
  /** Address below which each version has its directory. */
  readonly baseUri: string;
  readonly signal: AbortSignal;
  readonly offline: boolean;
  /** The release of a lock: it must be that one, down to its bytes. */
  readonly locked?: K3sRelease | undefined;
  readonly patience?: Patience;
}

export const officialReleases = "https://github.com/k3s-io/k3s/releases/download";

export function k3sReleases(given: ReleaseOptions): Releases {
  const { architecture, store, baseUri, signal, offline, locked, ...options } = given;
  const { sums, binary: name } = ARCHITECTURES[architecture].k3s;
  const uriOf = (version: string, file: string) => `${baseUri}/${encodeURIComponent(version)}/${file}`;
  const requireNetwork = (version: string) => {
    if (!offline) return;
    throw new K3osError(
      "network",
      `Without a network k3s ${version} cannot be fetched, and it was never fetched here.`,
      {
        hint: "Build once with a network, then the cache suffices.",
      },
    );
  };
  const get = async (
    version: string,
    file: string,
    target: string,
    scratch: string,
    log: (line: string) => void,
    sha256?: string,
  ) => {
    requireNetwork(version);
    const uri = uriOf(version, file);
    const expected = sha256 === undefined ? {} : { sha256 };
    await downloadFile({ architecture, uri, target, scratch, signal, log, ...options, ...expected }).catch((error) => {
      throw error instanceof CommandFailure ? explain(error, version, uri) : error;
    });
  };

  return {
    async resolve(version) {
      if (locked?.version === version) return locked;
      const known = join(store.directory("resolved"), `k3s-${version}-${sums}`);
      if (!existsSync(known)) {
        const scratch = await mkdtemp(join(store.directory("unfinished"), "k3s-sums."));
        try {
          const list = join(scratch, "sums.txt");
          await get(version, sums, list, scratch, () => {});
          sumOf(readFileSync(list, "utf8"), name, version);
          renameSync(list, known);
        } finally {
          await rm(scratch, { recursive: true, force: true });
        }
      }
      return { version, sha256: sumOf(readFileSync(known, "utf8"), name, version) };
    },
    async fetch(work, { version, sha256 }) {
      const binary = join(work.out, "k3s");
      work.update("fetching");
      await get(version, name, binary, work.scratch, work.log, sha256);
      chmodSync(binary, 0o755);
      writeFileSync(join(work.out, "version"), version);
      return megabytes(treeSize(work.out));
    },
  };
}

/** The sum of the binary in a list as sha256sum(1) writes it. */
function sumOf(list: string, name: string, version: string): string {
  const sum = new RegExp(`^([0-9a-f]{64}) [ *]${name}$`, "m").exec(list)?.[1];
  if (sum) return sum;
  throw new K3osError("integrity", `The sums of k3s ${version} do not name its binary.`, {
    hint: "The mirror is incomplete, or something else answered for it.",
  });
}

function explain(error: CommandFailure, version: string, uri: string): K3osError {
  const options = { cause: error };
  if (/Hash Sum mismatch|unexpected size/i.test(error.stderr)) {
    return new K3osError("integrity", `k3s ${version} is not the file that its list of sums names: the build stops.`, {
      hint: "Try again later. If it stays, the release or the way to it has been tampered with.",
      ...options,
    });
  }
  if (/\b404\b/.test(error.stderr)) {
    return new K3osError("network", `There is no k3s ${version} at ${uri}.`, {
      hint: "github.com/k3s-io/k3s/releases lists the versions; they look like v1.34.1+k3s1.",
      ...options,
    });
  }
  const reason = /^E: (.*)$/m.exec(error.stderr)?.[1] ?? error.message;
  return new K3osError("network", `k3s ${version} could not be fetched: ${reason}`, {
    hint: "Check the network. K3OS_K3S_RELEASES can name another server that has the same files.",
    ...options,
  });
}
