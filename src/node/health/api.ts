import { base64, sameBytes } from "../../config/bytes.ts";
import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { type CurlSettings, curlConfig, curlSaid } from "../curl.ts";

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
const KUBELET = "/var/lib/rancher/k3s/agent/kubelet.kubeconfig";
const ADMIN = "/etc/rancher/k3s/k3s.yaml";
/** In memory, for root alone: curl reads certificates and keys from files only. */
const ADMIN_FILES = "/run/k3os/admin";

/**
 * The kubelet's access, which a node has in every role: it reads its own node and its own pods. `undefined` as long as
 * k3s has not made it.
 */
export function kubeletAccess(host: Host): ApiAccess | undefined {
  const value = valuesIn(readTextIf(host, KUBELET) ?? "");
  const [server, authority] = [value("server"), value("certificate-authority")];
  const [certificate, key] = [value("client-certificate"), value("client-key")];
  if (!server || !authority || !certificate || !key) return undefined;
  return { server, authority, certificate, key };
}

/**
 * The administrator's access, which servers have. Its certificates lie inside the kubeconfig and are written out, for
 * root alone. `undefined` on an agent, and as long as k3s has not made it.
 */
export function adminAccess(host: Host): ApiAccess | undefined {
  const value = valuesIn(readTextIf(host, ADMIN) ?? "");
  const [server, authority] = [value("server"), value("certificate-authority-data")];
  const [certificate, key] = [value("client-certificate-data"), value("client-key-data")];
  if (!server || !authority || !certificate || !key) return undefined;
  host.mkdir(ADMIN_FILES, { mode: 0o700 });
  const writtenOut = (name: string, data: string) => {
    const path = `${ADMIN_FILES}/${name}`;
    const bytes = base64(data);
    if (host.stat(path) === undefined || !sameBytes(host.read(path), bytes)) host.write(path, bytes, { mode: 0o600 });
    return path;
  };
  return {
    server,
    authority: writtenOut("server-ca.crt", authority),
    certificate: writtenOut("client-admin.crt", certificate),
    key: writtenOut("client-admin.key", key),
  };
}

/** The values of a kubeconfig with one cluster and one user, as k3s writes it. */
function valuesIn(kubeconfig: string): (key: string) => string | undefined {
  return (key) => new RegExp(`^\\s*(?:- )?${key}: "?([^"\\n]+?)"?$`, "m").exec(kubeconfig)?.[1];
}

/**
 * How every request of a node to the API identifies itself. The name of the program becomes the field manager of what
 * it writes. Without one, the API would format its answers for people, because it knows curl's.
 */
export function accessSettings({ authority, certificate, key }: ApiAccess): CurlSettings {
  return [
    ["cacert", authority],
    ["cert", certificate],
    ["key", key],
    ["noproxy", "*"],
    ["user-agent", "k3os"],
  ];
}

/** curl(1): a certificate that is not trusted, or not there. */
const DISTRUST = [58, 60, 77, 83, 90, 91];

/**
 * Asks the API for a path. A status of 500 and above is no answer, and neither is a refusal. By curl, because a kubectl
 * takes a second of an emulated processor and 60 MB. It is given up after `seconds`.
 */
export async function askApi(host: Host, access: ApiAccess, path: string, seconds = 5): Promise<Answer> {
  const settings: CurlSettings = [
    ["url", `${access.server}${path}`],
    ...accessSettings(access),
    ["max-time", `${seconds}`],
    ["write-out", "\n%{http_code}"],
  ];
  const argv = ["curl", "--silent", "--show-error", "--config", "-"];
  const result = await host.exec(argv, { input: curlConfig(settings), timeoutMs: (seconds + 5) * 1000 });
  const end = result.stdout.lastIndexOf("\n");
  const status = Number(result.stdout.slice(end + 1));
  if (result.status !== 0) {
    const reason = curlSaid(result.stderr) ?? `curl ended with status ${result.status}`;
    return { answers: false, reason, refused: DISTRUST.includes(result.status) };
  }
  if (status >= 500) return { answers: false, reason: `it says ${status}`, refused: false };
  if (status === 401 || status === 403) return { answers: false, reason: `it says ${status}`, refused: true };
  return { answers: true, status, body: result.stdout.slice(0, end) };
}
