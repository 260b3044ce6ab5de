import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { PURPOSES, type Purpose, signatureOf } from "../../image/signing.ts";
import type { Trust } from "./trust.ts";

/**
 * Checks the signature beside `file`, made for `purpose`. Returns the fingerprint of the key that made it, such as
 * `SHA256:…`; `undefined` if there is no signature and none is asked for. Throws `integrity` if there is none, or if
 * nobody who is trusted made it, in time, by a key that is not revoked. `work` is a directory for a small file.
 */
export async function verifySignature(
  host: Host,
  file: string,
  purpose: Purpose,
  trust: Trust,
  work: string,
  shown: string = file,
): Promise<string | undefined> {
  const signature = signatureOf(file);
  const { signers, name, unsigned = false, revoked } = trust;
  if (host.stat(signature) === undefined) {
    if (unsigned) return undefined;
    throw new K3osError("integrity", `there is no signature of ${shown}, which ${name} asks for`, {
      hint: howToSign(shown, purpose),
    });
  }
  // Without a key, a signature says nothing.
  if (unsigned && signers === "") return undefined;
  const { namespace, principal } = PURPOSES[purpose];
  const list = `${work}/signers`;
  host.write(list, signers, { mode: 0o600 });
  const options = ["-O", `verify-time=${verifyTime(host, trust)}`, ...(revoked === undefined ? [] : ["-r", revoked])];
  const check = ["-Y", "verify", "-f", list, "-I", principal, "-n", namespace, "-s", signature, ...options];
  const argv = ["sh", "-c", 'file=$1; shift; exec ssh-keygen "$@" <"$file"', "verify", file, ...check];
  const { status, stdout, stderr } = await host.exec(argv);
  const signer = /^Good .* (SHA256:\S+)$/m.exec(stdout)?.[1];
  if (status === 0 && signer !== undefined) return signer;
  const said = whyNot(`${stderr}${stdout}`, revoked !== undefined);
  throw new K3osError("integrity", `${shown} is not signed by a key that ${name} allows: ${said}`, {
    hint: howToSign(shown, purpose),
  });
}

/** The time at which certificates must be valid, in UTC as ssh-keygen reads it. */
function verifyTime(host: Host, { notBefore = 0 }: Trust): string {
  const time = new Date(Math.max(host.now(), notBefore * 1000)).toISOString();
  return `${time.slice(0, 19).replace(/[-T:]/g, "")}Z`;
}

/** The reason in what ssh-keygen says. Of an unknown or revoked key it says nothing but that it could not verify. */
function whyNot(said: string, someAreRevoked: boolean): string {
  const unknown = someAreRevoked ? "the key is another one, or was revoked" : "the key is another one";
  const lines = said.trim().split("\n");
  const reason = lines.find((line) => !/^Could(n't| not) verify signature\.?$/.test(line)) ?? unknown;
  return reason
    .replace(/^\S*\/signers:\d+: /, "")
    .replace(/^Couldn't verify signature: /, "")
    .replace(/^certificate not authorized: Certificate invalid: /, "its certificate is not valid: ");
}

function howToSign(shown: string, purpose: Purpose): string {
  const name = shown.replace(/ of oci:.*|[?#].*/, "").replace(/^.*\//, "");
  const { namespace } = PURPOSES[purpose];
  return `Whoever has the private key signs it with: ssh-keygen -Y sign -n ${namespace} -f KEY ${name}`;
}
