import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { K3osError } from "../errors.ts";
import { ARCHITECTURES, type ArchitectureName } from "../image/architecture.ts";
import type { LockedPackage } from "../image/lock.ts";
import { CommandFailure, runCommand } from "../process/run.ts";
import { type Archive, aptEnvironment, type Patience, sourcesText, usualPatience } from "./apt-config.ts";

export type { Archive, Patience } from "./apt-config.ts";

/** What one tree of packages is made of. */
export interface PackageSet {
  /** What the packages are for. */
  readonly architecture: ArchitectureName;
  readonly packages: readonly string[];
  /** Dependencies that are left out, with whatever only they need. */
  readonly exclude: readonly string[];
}

export interface AptOptions {
  /** What it resolves packages for: sets of another architecture are none of its. */
  readonly architecture: ArchitectureName;
  /** Private state: apt's index files, nothing of the host's. */
  readonly directory: string;
  readonly archives: readonly Archive[];
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

/**
 * apt with a state of its own: it resolves, verifies and downloads, and never sees or changes what the host has
 * installed. How the host reaches the network (proxies, credentials, timeouts) is taken from the host's configuration.
 */
export interface Apt {
  /** Fetches the indexes. Fails within seconds when there is no network. */
  update(): Promise<void>;
  /** The packages of a set and all that they depend on. */
  resolve(set: Omit<PackageSet, "architecture">): Promise<LockedPackage[]>;
  /** Seconds since 1970 at which the newest index was signed. */
  indexTime(): number;
  /** Fetches packages that are not in `directory` yet, each checked against its sha256, to `<sha256>.deb`. */
  download(packages: readonly LockedPackage[], directory: string, update?: (detail: string) => void): Promise<void>;
}

const helper = "/usr/lib/apt/apt-helper";

export async function openApt(options: AptOptions): Promise<Apt> {
  const { architecture, directory, archives, signal, log } = options;
  for (const name of ["lists/partial", "archives/partial"]) mkdirSync(join(directory, name), { recursive: true });
  writeFileSync(join(directory, "sources.list"), sourcesText(archives));
  const env = await aptEnvironment(directory, usualPatience, architecture, signal);
  const apt = (argv: readonly string[]) => {
    log(`+ ${argv.join(" ")}`);
    return runCommand(argv, { env, signal, onErrorLine: log });
  };

  return {
    async update() {
      try {
        log(await apt(["apt-get", "update", "--error-on=any"]));
      } catch (error) {
        throw error instanceof CommandFailure ? unreachable(error, archives) : error;
      }
    },
    async resolve({ packages, exclude }) {
      const statusPath = join(
        directory,
        `status-${createHash("sha256").update(exclude.join()).digest("hex").slice(0, 8)}`,
      );
      writeFileSync(statusPath, pretendInstalled(exclude, architecture));
      const wanted = ["install", "--yes", "--no-install-recommends", "--print-uris", ...packages];
      try {
        const said = await apt([
          "apt-get",
          "-o",
          `Dir::State::status=${statusPath}`,
          "-o",
          "Acquire::ForceHash=SHA256",
          ...wanted,
        ]);
        return parsePrintedUris(said, archives);
      } catch (error) {
        throw error instanceof CommandFailure ? unresolvable(error) : error;
      }
    },
    indexTime() {
      const lists = join(directory, "lists");
      const dates = readdirSync(lists)
        .filter((name) => name.endsWith("Release"))
        .map((name) => /^Date: (.*)$/m.exec(readFileSync(join(lists, name), "utf8"))?.[1] ?? "");
      return Math.max(0, ...dates.map((date) => Date.parse(date) / 1000).filter(Number.isFinite));
    },
    async download(packages, target, update = () => {}) {
      const missing = packages.filter(({ sha256 }) => !existsSync(join(target, `${sha256}.deb`)));
      if (missing.length === 0) return;
      const partial = join(directory, "archives");
      const uriOf = new Map(archives.map(({ name, uri }) => [name, uri]));
      const gone: LockedPackage[] = [];
      let bytes = 0;
      // One helper fetches a handful: one connection each, and a failure names few suspects.
      for (const group of chunks(missing, 24)) {
        const triples = group.flatMap((entry) => [
          `${uriOf.get(entry.archive) ?? unknownArchive(entry)}/${entry.path.replaceAll("+", "%2b")}`,
          join(partial, `${entry.sha256}.deb`),
          `SHA256:${entry.sha256}`,
        ]);
        const failure = await apt([helper, "download-file", ...triples]).then(
          () => undefined,
          (error) => {
            if (error instanceof CommandFailure) return error;
            throw error;
          },
        );
        const lost: LockedPackage[] = [];
        for (const entry of group) {
          const from = join(partial, `${entry.sha256}.deb`);
          if (failure === undefined || matches(from, entry)) renameSync(from, join(target, `${entry.sha256}.deb`));
          else {
            rmSync(from, { force: true });
            lost.push(entry);
          }
          bytes += entry.size;
        }
        // Nothing at all, and not because the mirror has it no longer: the others would only take as long to fail.
        if (failure !== undefined && lost.length === group.length && !/\b404\b|not found/i.test(failure.stderr)) {
          throw unreachable(failure, archives);
        }
        gone.push(...lost);
        update(`${Math.round(bytes / 1e6)} MB`);
      }
      if (gone.length > 0) throw noLongerThere(gone);
    },
  };
}

export interface Download {
  readonly architecture: ArchitectureName;
  readonly uri: string;
  readonly target: string;
  /** The file must have this sum. */
  readonly sha256?: string;
  /** For apt's own files while it works. */
  readonly scratch: string;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  readonly patience?: Patience;
}

/**
 * Fetches one file by apt's own helper, so that proxies and timeouts are those of the packages. A failure is a
 * `CommandFailure`.
 */
export async function downloadFile(download: Download): Promise<void> {
  const { architecture, uri, target, sha256, scratch, signal, log, patience = usualPatience } = download;
  const env = await aptEnvironment(scratch, patience, architecture, signal);
  const argv = [helper, "download-file", uri, target, ...(sha256 === undefined ? [] : [`SHA256:${sha256}`])];
  log(`+ ${argv.join(" ")}`);
  log(await runCommand(argv, { env, signal, onErrorLine: log }));
}

/** A package database in which the left-out packages are installed already: so apt itself resolves without them. */
function pretendInstalled(names: readonly string[], architecture: ArchitectureName): string {
  const { debian } = ARCHITECTURES[architecture];
  return names
    .map(
      (name) =>
        `Package: ${name}\nStatus: install ok installed\nArchitecture: ${debian}\nMulti-Arch: foreign\nVersion: 9999\n` +
        "Maintainer: k3OS\nDescription: left out of the image\n\n",
    )
    .join("");
}

/** What `apt-get --print-uris install` prints: `'uri' file size SHA256:sum`. */
export function parsePrintedUris(text: string, archives: readonly Pick<Archive, "name" | "uri">[]): LockedPackage[] {
  const packages: LockedPackage[] = [];
  for (const [, uri = "", file = "", size, sha256 = ""] of text.matchAll(
    /^'([^']+)' (\S+) (\d+) SHA256:([0-9a-f]{64})$/gm,
  )) {
    const archive = archives.find((candidate) => uri.startsWith(`${candidate.uri}/`));
    const [name = "", version = "", architecture = ""] = file
      .replace(/\.deb$/, "")
      .split("_")
      .map(decodeURIComponent);
    if (!archive) throw new Error(`${name} comes from no known archive`);
    const path = decodeURIComponent(uri.slice(archive.uri.length + 1));
    packages.push({ name, version, architecture, sha256, size: Number(size), archive: archive.name, path });
  }
  return packages;
}

function unreachable(error: CommandFailure, archives: readonly Archive[]): K3osError {
  const badSignature = /NO_PUBKEY|not signed|invalid signature|BADSIG|EXPKEYSIG/i.exec(error.stderr);
  if (badSignature) {
    return new K3osError("integrity", "The package index is not signed with a key that is trusted.", {
      hint: `Update the keys, on Debian with \`apt install --only-upgrade debian-archive-keyring\` (${[...new Set(archives.map(({ keyring }) => keyring))].join(", ")}), or choose another mirror.`,
      cause: error,
    });
  }
  const reason = /^[EW]: (.*)$/m.exec(error.stderr)?.[1] ?? error.message;
  return new K3osError("network", `The package mirror cannot be read: ${reason}`, {
    hint: "Check the network, or set K3OS_APT_MIRROR to another Debian mirror. Without a network, a build needs a filled cache.",
    cause: error,
  });
}

function unresolvable(error: CommandFailure): K3osError {
  const reasons = [
    ...`${error.stderr}\n${error.stdout}`.matchAll(
      /^(?:E: )?(.*(?:Unable to locate package|Depends:|has no installation candidate|was not found).*)$/gm,
    ),
  ];
  const reason = reasons.map(([, text = ""]) => text.trim()).join("; ") || error.message;
  return new K3osError("config", `The packages of the image cannot be resolved: ${reason}`, {
    hint: "Check `packages` in the image spec; a package from elsewhere needs its source under `apt.sources`.",
    cause: error,
  });
}

function unknownArchive({ archive, name }: LockedPackage): never {
  throw new K3osError(
    "config",
    `The lock takes ${name} from the source "${archive}", which the image spec does not have.`,
    {
      hint: "Build with the spec that the lock was made from.",
    },
  );
}

function noLongerThere(gone: readonly LockedPackage[]): K3osError {
  const names = gone.map(({ name, version }) => `${name} ${version}`).join(", ");
  return new K3osError("network", `The mirror does not give out ${gone.length} of the locked packages: ${names}.`, {
    hint: "Old versions leave a mirror after a while: use one that keeps them (a snapshot archive), or build without --lock.",
  });
}

function matches(path: string, { sha256, size }: LockedPackage): boolean {
  if (statSync(path, { throwIfNoEntry: false })?.size !== size) return false;
  return createHash("sha256").update(readFileSync(path)).digest("hex") === sha256;
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
