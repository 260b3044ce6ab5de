import { K3osError } from "../errors.ts";
import { runCommand } from "../process/run.ts";

/** Where Debian's packages come from, as base addresses without a trailing slash. */
export interface Mirrors {
  readonly debian: string;
  readonly security: string;
}

const debianSuite = /^(buster|bullseye|bookworm|trixie|forky|duke|sid|(old)*stable|testing|unstable)(-updates)?$/;
const securitySuite = /^(buster|bullseye|bookworm|trixie|forky|duke|(old)*stable|testing)(-security|\/updates)$/;

/**
 * The mirrors that the user set, else those that the host's own apt uses. `K3OS_APT_MIRROR` is the base of a Debian
 * archive; its security archive is `K3OS_APT_SECURITY_MIRROR`, or the directory `debian-security` beside it.
 */
export async function findMirrors(
  env: Readonly<Record<string, string | undefined>>,
  configured: { readonly mirror?: string | undefined; readonly security?: string | undefined },
  signal?: AbortSignal,
): Promise<Mirrors> {
  const mirror = env.K3OS_APT_MIRROR || configured.mirror;
  const security = env.K3OS_APT_SECURITY_MIRROR || configured.security;
  if (mirror) return complete(mirror, security);
  const hostIndexes = await runCommand(["apt-get", "update", "--print-uris"], { ...(signal && { signal }) });
  const found = mirrorsIn(hostIndexes);
  if (found.debian) return complete(found.debian, security ?? found.security);
  throw new K3osError("host", "No Debian mirror is known: the apt sources of this machine name none.", {
    hint: "Set K3OS_APT_MIRROR to the base address of a Debian archive, the one that has `dists` and `pool` below it.",
  });
}

/** The mirrors in what `apt-get update --print-uris` prints. */
export function mirrorsIn(printedUris: string): { debian?: string; security?: string } {
  const found: { debian?: string; security?: string } = {};
  for (const [, base = "", suite = ""] of printedUris.matchAll(/^'([^']+?)\/dists\/([^']+)\/(?:In)?Release'/gm)) {
    if (debianSuite.test(suite)) found.debian ??= base;
    if (securitySuite.test(suite)) found.security ??= base;
  }
  return found;
}

function complete(mirror: string, security: string | undefined): Mirrors {
  const debian = mirror.replace(/\/+$/, "");
  return { debian, security: (security ?? debian.replace(/[^/]*$/, "debian-security")).replace(/\/+$/, "") };
}
