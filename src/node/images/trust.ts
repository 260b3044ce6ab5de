import type { UpgradeConfig } from "../../config/index.ts";
import { K3osError } from "../../errors.ts";
import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { allowedSigners, IMAGE_SIGNERS } from "../../image/signing.ts";
import { NODE_DATA, RUN } from "../places.ts";
import { ownImage } from "./own.ts";

/** Whose signatures are taken. */
export interface Trust {
  /** An allowed signers file (ssh-keygen(1)); empty if no key is known. */
  readonly signers: string;
  /** What messages call the keys: the setting that they come from. */
  readonly name: string;
  /** Whether what has no signature is taken, too. A wrong signature is refused all the same. */
  readonly unsigned?: boolean;
  /** Path of a list of revoked keys, if there is one. */
  readonly revoked?: string | undefined;
  /** Seconds since 1970. Certificates are not looked at as of an earlier time, even if the clock is wrong. */
  readonly notBefore?: number;
}

/** What a node remembers of channels. */
export const CHANNEL_MEMORY = `${NODE_DATA}/upgrade`;
/** The newest list of revoked keys that a node has seen. */
export const revokedIn = (memory: string) => `${memory}/revoked.krl`;

/** Whom a node trusts: the keys of its image, and those of its config. */
export function trustOf(
  host: Host,
  { keys = [], unsigned = false }: UpgradeConfig = {},
  memory: string = CHANNEL_MEMORY,
): Trust {
  const own = readTextIf(host, IMAGE_SIGNERS);
  return {
    signers: allowedSigners([...(own === undefined ? [] : [own]), ...keys]),
    name: "k3os.upgrade.keys",
    unsigned,
    ...(host.stat(revokedIn(memory)) !== undefined && { revoked: revokedIn(memory) }),
    notBefore: timeOfImage(host),
  };
}

/** Whom the installer trusts that was given one key: that of a signer, or of an authority that certifies signers. */
export function trustIn(host: Host, key: string, name: string): Trust {
  return { signers: allowedSigners([key]), name, notBefore: timeOfImage(host) };
}

/** Throws `integrity` if nothing can be checked and that is not wanted. For before anything is fetched. */
export function requireTrust({ signers, name, unsigned = false }: Trust): void {
  if (signers !== "" || unsigned) return;
  throw new K3osError("integrity", "no key is known that images are checked with", {
    hint: `Name the key in ${name}, or take images without a signature: k3os.upgrade.unsigned: true.`,
  });
}

/**
 * Whether the clock is known to be right: it was not corrected by a guess at boot, or a time server has answered since.
 */
export function isClockTrusted(host: Host): boolean {
  return ["clock-was-wrong", "clock-not-set"].every((name) => host.stat(`${RUN}/${name}`) === undefined);
}

function timeOfImage(host: Host): number {
  return ownImage(host).time ?? 0;
}
