/** Test support: a node with k3s, whose parts answer or do not. */
import type { ExecOptions } from "../../host/host.ts";
import { type MemoryHost, memoryHost, type Program } from "../../host/memory.ts";

export interface Parts {
  /** Whether the kubelet's /healthz says ok. */
  kubelet: boolean;
  /** curl's exit status for containerd's socket; 92 is what a containerd that works causes. */
  containerd: number;
  /** The API's answers by path. A path that is missing is 404. `undefined`: nothing listens. */
  api: Readonly<Record<string, { readonly status?: number; readonly body: unknown }>> | undefined;
}

/** What curl's configuration names, by option. */
export function settingsOf({ input = "" }: ExecOptions): Record<string, string> {
  const lines = [...String(input).matchAll(/^(\S+) = "(.*)"$/gm)];
  return Object.fromEntries(lines.map(([, name = "", value = ""]) => [name, value]));
}

export const nodeNamed = (name: string, status: string, message = "") => ({
  metadata: { name },
  status: { conditions: [{ type: "Ready", status, message }] },
});

/** The curl of a node with these parts, which a test may change while it runs. */
export function curlOf(parts: Parts): Program {
  return (argv, options) => {
    if (argv.some((word) => word.endsWith("/healthz"))) {
      const statuses = [parts.kubelet ? 0 : 7, ...(argv.includes("--unix-socket") ? [parts.containerd] : [])];
      return { stdout: `${statuses.join("\n")}\n` };
    }
    const { api } = parts;
    if (api === undefined) return { status: 7, stderr: "curl: (7) Failed to connect to 127.0.0.1 port 6443\n" };
    const path = settingsOf(options).url?.replace("https://127.0.0.1:6443", "") ?? "";
    const { status = 200, body } = api[path] ?? { status: 404, body: {} };
    return { stdout: `${JSON.stringify(body)}\n${status}` };
  };
}

const KUBECONFIG = `apiVersion: v1
clusters:
- cluster:
    certificate-authority: /var/lib/rancher/k3s/server/tls/server-ca.crt
    server: https://127.0.0.1:6443
  name: default
users:
- name: default
  user:
    client-certificate: /var/lib/rancher/k3s/agent/client-kubelet.crt
    client-key: /var/lib/rancher/k3s/agent/client-kubelet.key
`;

/** Files of a server on which k3s runs. */
export const FILES: Readonly<Record<string, string>> = {
  "/run/openrc/started/k3s": "",
  "/run/k3s/containerd/containerd.sock": "",
  "/var/lib/rancher/k3s/agent/kubelet.kubeconfig": KUBECONFIG,
};

/** The node `a`, Ready, and its parts. */
export function healthyNode(files: Readonly<Record<string, string>> = {}): { host: MemoryHost; parts: Parts } {
  const parts: Parts = { kubelet: true, containerd: 92, api: { "/api/v1/nodes/a": { body: nodeNamed("a", "True") } } };
  return { parts, host: memoryHost({ files: { ...FILES, ...files }, programs: { curl: curlOf(parts) } }) };
}
