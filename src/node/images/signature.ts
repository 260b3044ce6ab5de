import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";

/**
 * The signer's identity and the signature's namespace (ssh-keygen(1)). A signature with another namespace is refused.
 */
const PURPOSE = "k3os";

/** A key that an image must be signed with. */
export interface SigningKey {
  /** An ssh public key, such as `ssh-ed25519 AAAA… release`. */
  readonly publicKey: string;
  /** What messages call it: the setting that it comes from. */
  readonly name: string;
}

/** URL or path of the signature of a file: beside the file. */
export function signatureOf(place: string): string {
  return place.replace(/([?#].*)?$/, ".sig$1");
}

/**
 * Checks the signature beside `file`. Throws `integrity` if there is none, or if `key` did not make it. `work` is a
 * directory for a small file.
 */
export async function verifySignature(host: Host, file: string, key: SigningKey, work: string): Promise<void> {
  const signature = signatureOf(file);
  if (host.stat(signature) === undefined) {
    throw new K3osError("integrity", `there is no signature of ${file}, which ${key.name} asks for`, {
      hint: howToSign(file),
    });
  }
  const signers = `${work}/signers`;
  host.write(signers, `${PURPOSE} ${key.publicKey.trim()}\n`, { mode: 0o600 });
  const verify = 'exec ssh-keygen -Y verify -f "$0" -I "$1" -n "$1" -s "$2" <"$3"';
  const { status, stdout, stderr } = await host.exec(["sh", "-c", verify, signers, PURPOSE, signature, file]);
  if (status === 0) return;
  const said = `${stderr}${stdout}`.trim().split("\n")[0];
  throw new K3osError("integrity", `${file} is not signed by ${key.name}: ${said}`, { hint: howToSign(file) });
}

function howToSign(file: string): string {
  const name = file.slice(file.lastIndexOf("/") + 1);
  return `Whoever has the private key signs it with: ssh-keygen -Y sign -n ${PURPOSE} -f KEY ${name}`;
}
