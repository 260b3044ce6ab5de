import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { curlQuoted } from "../curl.ts";

/** With what a request to the API identifies itself: paths of files, which k3s renews. */
export interface ApiAccess {
  /** Such as `https://127.0.0.1:6443`. */
  readonly server: string;
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

export type Answer =
  | { readonly answers: true; readonly status: number; readonly body: string }
  /** `refused`: it is there, and the two do not trust each other. */
  | { readonly answers: false; readonly reason: string; readonly refused: boolean };

/** Written by our Kubernetes and by the official k3s alike. */
const KUBECONFIG = "/var/lib/rancher/k3s/agent/kubelet.kubeconfig";

/**
 * The kubelet's access, which a node has in every role: it reads its own node and its own pods. `undefined` as long as
 * k3s has not made it.
 */
export function kubeletAccess(host: Host): ApiAccess | undefined {
  const text = readTextIf(host, KUBECONFIG) ?? "";
  const value = (key: string) => new RegExp(`^\\s*(?:- )?${key}: "?([^"\\n]+?)"?$`, "m").exec(text)?.[1];
  const [server, authority] = [value("server"), value("certificate-authority")];
  const [certificate, key] = [value("client-certificate"), value("client-key")];
  if (!server || !authority || !certificate || !key) return undefined;
  return { server, authority, certificate, key };
}

/** curl(1): a certificate that is not trusted, or not there. */
const DISTRUST = [58, 60, 77, 83, 90, 91];

/**
 * Asks the API for a path. A status of 500 and above is no answer, and neither is a refusal. By curl, because a kubectl
 * takes a second of an emulated processor and 60 MB.
 */
export async function askApi(host: Host, access: ApiAccess, path: string): Promise<Answer> {
  const settings = {
    url: `${access.server}${path}`,
    cacert: access.authority,
    cert: access.certificate,
    key: access.key,
    noproxy: "*",
    "max-time": "5",
    "write-out": "\n%{http_code}",
  };
  const input = Object.entries(settings).map(([name, value]) => `${name} = ${curlQuoted(value)}\n`);
  const argv = ["curl", "--silent", "--show-error", "--config", "-"];
  const result = await host.exec(argv, { input: input.join(""), timeoutMs: 10_000 });
  const end = result.stdout.lastIndexOf("\n");
  const status = Number(result.stdout.slice(end + 1));
  if (result.status !== 0) {
    const said = result.stderr.trim().replace(/^curl: \(\d+\) /, "");
    const refused = DISTRUST.includes(result.status);
    return { answers: false, reason: said || `curl ended with status ${result.status}`, refused };
  }
  if (status >= 500) return { answers: false, reason: `it says ${status}`, refused: false };
  if (status === 401 || status === 403) return { answers: false, reason: `it says ${status}`, refused: true };
  return { answers: true, status, body: result.stdout.slice(0, end) };
}
