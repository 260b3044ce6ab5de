import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Whether this machine has the program that the tests of signatures are about. */
export const hasSshKeygen = ["/usr/bin/ssh-keygen", "/bin/ssh-keygen", "/usr/local/bin/ssh-keygen"].some(existsSync);

/** Keys in a directory, made and used by the real ssh-keygen. */
export interface Keys {
  /** The path of a private key, which is made if it is missing. */
  path(name: string): string;
  /** The public half, as config.yaml has it. */
  public(name: string): string;
  /** Has `authority` certify a key for a principal. `validity` is as `ssh-keygen -V` reads it. */
  certify(authority: string, name: string, principal: string, validity?: string): void;
  /** Signs a file by a key, or by its certificate if there is one: writes `FILE.sig`. */
  sign(name: string, namespace: string, file: string): void;
  /** Writes a list of revoked keys with a number. */
  revoke(file: string, number: number, ...names: string[]): void;
}

export function keysIn(directory: string): Keys {
  const keygen = (...args: string[]) => void execFileSync("ssh-keygen", args, { stdio: ["ignore", "ignore", "pipe"] });
  const at = (name: string) => join(directory, name);
  const path = (name: string) => {
    if (!existsSync(at(name))) keygen("-q", "-t", "ed25519", "-N", "", "-C", name, "-f", at(name));
    return at(name);
  };
  return {
    path,
    public: (name) => readFileSync(`${path(name)}.pub`, "utf8").trim(),
    certify(authority, name, principal, validity = "always:forever") {
      keygen("-q", "-s", path(authority), "-I", name, "-n", principal, "-V", validity, `${path(name)}.pub`);
    },
    sign(name, namespace, file) {
      const certificate = `${path(name)}-cert.pub`;
      keygen("-Y", "sign", "-n", namespace, "-f", existsSync(certificate) ? certificate : path(name), file);
    },
    revoke(file, number, ...names) {
      keygen("-q", "-k", "-z", `${number}`, "-f", file, ...names.map((name) => `${path(name)}.pub`));
    },
  };
}
