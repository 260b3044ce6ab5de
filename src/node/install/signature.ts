import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { WORK } from "./fetch.ts";

/** Who signs, and what for, as ssh-keygen(1) has it: a signature that was made for something else does not count. */
const PURPOSE = "k3os";

/** What the signature of a file, an URL or a path, is called: it lies beside it. */
export function signatureOf(place: string): string {
  return place.replace(/([?#].*)?$/, ".sig$1");
}

/** Checks the signature beside a file against an ssh public key; throws `integrity` if it is none of that key. */
export async function verifySignature(host: Host, file: string, key: string): Promise<void> {
  const signature = signatureOf(file);
  if (host.stat(signature) === undefined) {
    throw new K3osError("integrity", `there is no signature of ${file}, which image_key asks for`, {
      hint: howToSign(file),
    });
  }
  const signers = `${WORK}/signers`;
  host.write(signers, `${PURPOSE} ${key.trim()}\n`, { mode: 0o600 });
  const verify = 'exec ssh-keygen -Y verify -f "$0" -I "$1" -n "$1" -s "$2" <"$3"';
  const { status, stdout, stderr } = await host.exec(["sh", "-c", verify, signers, PURPOSE, signature, file]);
  if (status === 0) return;
  const said = `${stderr}${stdout}`.trim().split("\n")[0];
  throw new K3osError("integrity", `${file} is not signed by image_key: ${said}`, { hint: howToSign(file) });
}

function howToSign(file: string): string {
  const name = file.slice(file.lastIndexOf("/") + 1);
  return `Whoever has the private key signs it with: ssh-keygen -Y sign -n ${PURPOSE} -f KEY ${name}`;
}
