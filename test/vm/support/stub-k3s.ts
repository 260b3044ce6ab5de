import type { SpecText } from "../../../src/build/index.ts";
import { findProject } from "../../../src/build/project.ts";

/** What is wrong with an image. */
export interface Fault {
  /** What its k3s does before it answers, as root. */
  readonly script?: string;
  /** Kernel arguments. */
  readonly arguments?: readonly string[];
}

/**
 * An image whose k3s answers as a node that is Ready does, seconds after it was started: the kubelet's health, the API
 * for this node, the kubelet's credentials. It has no containerd. Images of different names have different digests.
 */
export function stubImage(name: string, { script = "", arguments: words = [] }: Fault = {}): SpecText {
  const k3s = `#!/bin/sh
# ${name}
${script}
node=$(cat /var/lib/rancher/k3os/node-name)
agent=/var/lib/rancher/k3s/agent
mkdir -p /run/stub/api/v1/nodes $agent
echo ok >/run/stub/healthz
echo '{"metadata":{"name":"'$node'"},"status":{"conditions":[{"type":"Ready","status":"True"}]}}' >/run/stub/api/v1/nodes/$node
cat >$agent/kubelet.kubeconfig <<end
server: http://127.0.0.1:6443
certificate-authority: $agent/ca
client-certificate: $agent/certificate
client-key: $agent/key
end
busybox httpd -p 127.0.0.1:10248 -h /run/stub
exec busybox httpd -f -p 127.0.0.1:6443 -h /run/stub
`;
  const files = [
    { path: "/usr/bin/k3s", mode: "0755", content: k3s },
    // Nobody starts it, and it is large.
    { path: "/usr/bin/containerd-shim-runc-v2", mode: "0755", content: "#!/bin/false\n" },
  ];
  const text = JSON.stringify({ files, kernel: { arguments: words } });
  return { text, name: `stub-${name}.yaml`, directory: findProject() };
}
