/** Who signs what, in the words of ssh-keygen(1): the node checks by these, the workstation signs by them. */

/**
 * What a signature is for. A signature counts in its own namespace only, and a certificate must name the principal of
 * what it signs. So a stolen key of a channel signs no image.
 */
export const PURPOSES = {
  image: { namespace: "k3os-image", principal: "k3os-release" },
  channel: { namespace: "k3os-channel", principal: "k3os-channel" },
  /** A list of revoked keys. Only a key that is trusted itself signs one, never a certified key. */
  revocation: { namespace: "k3os-revoked", principal: "k3os-root" },
} as const;

export type Purpose = keyof typeof PURPOSES;

/** Keys that an image brings along: public keys, or lines as `allowedSigners` makes them. */
export const IMAGE_SIGNERS = "/usr/share/k3os/allowed_signers";

const PUBLIC_KEY = /^((?:ssh|ecdsa|sk)-\S+)\s+([A-Za-z0-9+/=]+)/;

/**
 * An allowed signers file for these keys. Each may sign everything itself, and may certify keys for images and for
 * channels. A line that does not begin with a public key is taken as it is: it says itself what its key may do.
 */
export function allowedSigners(lines: readonly string[]): string {
  const entries = lines
    .flatMap((text) => text.split("\n"))
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  return entries.flatMap(linesFor).join("");
}

function linesFor(entry: string): string[] {
  const [, type, key] = PUBLIC_KEY.exec(entry) ?? [];
  if (key === undefined) return [`${entry}\n`];
  const { image, channel } = PURPOSES;
  return [
    ...Object.values(PURPOSES).map(
      ({ principal, namespace }) => `${principal} namespaces="${namespace}" ${type} ${key}\n`,
    ),
    ...[image, channel].map(
      ({ principal, namespace }) => `${principal} cert-authority,namespaces="${namespace}" ${type} ${key}\n`,
    ),
  ];
}

/** URL or path of the signature of a file: beside the file. */
export function signatureOf(place: string): string {
  return place.replace(/([?#].*)?$/, ".sig$1");
}
