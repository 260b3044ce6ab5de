import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** Paths of a certificate and its key. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** An authority in a directory, whose certificates are made by the real openssl. */
export interface Authority extends Certificate {
  /** Makes a certificate with a subject such as `/O=system:nodes/CN=system:node:a`, valid for 127.0.0.1. */
  issue(name: string, subject: string): Certificate;
}

export function authorityIn(directory: string, name: string): Authority {
  const openssl = (...args: string[]) => void execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
  const paths = (of: string): Certificate => ({
    certificate: join(directory, `${of}.crt`),
    key: join(directory, `${of}.key`),
  });
  const newKey = (key: string) => [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-keyout",
    key,
  ];
  const own = paths(name);
  openssl("req", "-x509", ...newKey(own.key), "-out", own.certificate, "-subj", `/CN=${name}`, "-days", "3650");
  return {
    ...own,
    issue(of, subject) {
      const made = paths(of);
      const request = join(directory, `${of}.csr`);
      const extensions = join(directory, `${of}.ext`);
      writeFileSync(extensions, "subjectAltName=IP:127.0.0.1\n");
      openssl("req", ...newKey(made.key), "-out", request, "-subj", subject);
      const signed = ["-CA", own.certificate, "-CAkey", own.key, "-CAcreateserial", "-extfile", extensions];
      openssl("x509", "-req", "-in", request, ...signed, "-days", "3650", "-out", made.certificate);
      return made;
    },
  };
}
