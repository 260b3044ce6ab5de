import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { K3osError } from "../../errors.ts";
import { PURPOSES, type Purpose, signatureOf } from "../../image/signing.ts";
import { outputOf, runForeground } from "../../process/run.ts";

/** Signs for a purpose and returns the text of the signature. */
export type Sign = (purpose: Purpose, content: Uint8Array, name: string) => Promise<Uint8Array>;

/**
 * A signer for some purposes, by this machine's ssh-keygen, which asks for a passphrase, an agent or a token if the key
 * wants that. `key` is the path of a private key; beside it, its certificate `KEY-cert.pub` is taken if there is one.
 * Throws before anything is signed if there is no such key, or if nodes would refuse what it signs. `now` is in seconds
 * since 1970.
 */
export async function signerBy(key: string, purposes: readonly Purpose[], now: number): Promise<Sign> {
  if (!existsSync(key)) {
    throw new K3osError("usage", `There is no key ${key}.`, { hint: `Make one: ssh-keygen -t ed25519 -f ${key}` });
  }
  await requireSshKeygen();
  const certificate = `${key}-cert.pub`;
  const isCertified = existsSync(certificate);
  const identity = isCertified ? certificate : key;
  if (isCertified) await checkCertificate(certificate, purposes, now);
  return async (purpose, content, name) => {
    const { namespace } = PURPOSES[purpose];
    const directory = mkdtempSync(join(tmpdir(), "k3os-sign-"));
    try {
      const file = join(directory, name);
      writeFileSync(file, content);
      const status = await runForeground({
        argv: ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", identity, file],
      });
      if (status === 0) return readFileSync(signatureOf(file));
    } finally {
      rmSync(directory, { recursive: true });
    }
    throw new K3osError("host", `${name} could not be signed with ${identity}.`, {
      hint: `The reason is above. Try it: ssh-keygen -Y sign -n ${namespace} -f ${identity} FILE`,
    });
  };
}

async function requireSshKeygen(): Promise<void> {
  const found = await outputOf({ argv: ["ssh-keygen", "-?"] }).catch(() => undefined);
  if (found !== undefined) return;
  throw new K3osError("host", "There is no ssh-keygen on this machine, which signs.", {
    hint: "It belongs to OpenSSH: on Debian and Ubuntu, apt install openssh-client.",
  });
}

/** What `ssh-keygen -L` prints of a certificate. */
async function checkCertificate(path: string, purposes: readonly Purpose[], now: number): Promise<void> {
  const { stdout } = await outputOf({ argv: ["ssh-keygen", "-L", "-f", path], env: { TZ: "UTC", LC_ALL: "C" } });
  const principals = /Principals:\s*\n((?: {16,}\S+\n)*)/.exec(stdout)?.[1]?.trim().split(/\s+/) ?? [];
  const missing = purposes.map((purpose) => PURPOSES[purpose].principal).find((name) => !principals.includes(name));
  const again = "The authority certifies the key again: ssh-keygen -s ROOT -I NAME -n PRINCIPAL -V +90d KEY.pub";
  if (missing !== undefined) {
    throw new K3osError("usage", `${path} is for ${principals.join(", ") || "nobody"}, not for ${missing}.`, {
      hint: missing === PURPOSES.channel.principal ? "--channel-key names the key that signs channels." : again,
    });
  }
  const end = /^\s*Valid: .*(?:to|before) (\S+)$/m.exec(stdout)?.[1];
  if (end === undefined || Date.parse(`${end}Z`) / 1000 > now) return;
  throw new K3osError("usage", `${path} has expired on ${end}Z.`, { hint: again });
}
