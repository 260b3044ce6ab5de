import type { SpecText } from "../../src/build/index.ts";
import { lateTimer } from "../../src/vm/qemu.ts";

/** Images that differ in a file, and in whether their Kubernetes ever becomes healthy. */
export type StubName = "first" | "second" | "ill";
export const STUBS = ["first", "second", "ill"] as const satisfies readonly StubName[];

/**
 * Stands in for Kubernetes, so that a trial takes seconds: it answers what a node is asked on trial, and has a
 * datastore to be copied.
 */
const k3s = `#!/bin/sh
set -eu
case \${1:-} in server | agent) ;; *) exit 0 ;; esac
files=/run/stub
data=/var/lib/rancher/k3s
mkdir -p $files/api/v1/nodes $data/agent $data/server/db
[ -e $data/server/db/state.db ] || head -c 2000000 /dev/urandom >$data/server/db/state.db
echo '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}' \\
	>"$files/api/v1/nodes/$(cat /var/lib/rancher/k3os/node-name)"
for line in 'server: http://127.0.0.1:6443' 'certificate-authority: /none' 'client-certificate: /none' 'client-key: /none'; do
	echo "    $line"
done >$data/agent/kubelet.kubeconfig
[ "$(cat /usr/share/stub)" = ill ] || echo ok >$files/healthz
httpd -p 127.0.0.1:10248 -h $files
exec httpd -f -p 127.0.0.1:6443 -h $files
`;

/** What such an image is built from. */
export function stubSpec(name: StubName): SpecText {
  const spec = {
    files: [
      { path: "/usr/bin/k3s", mode: "0755", content: k3s },
      { path: "/usr/share/stub", content: `${name}\n` },
    ],
    kernel: { arguments: [lateTimer] },
  };
  return { text: JSON.stringify(spec), name: `power-loss-${name}`, directory: "/" };
}
