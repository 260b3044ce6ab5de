import { describe, expect, it } from "vitest";
import type { ExecOptions } from "../../host/host.ts";
import { memoryHost } from "../../host/memory.ts";
import { askApi, kubeletAccess } from "./api.ts";
import { observeHealth, observeLocal } from "./observe.ts";
import { FILES, healthyNode, nodeNamed, settingsOf } from "./testing.ts";

const observed = async (change: (node: ReturnType<typeof healthyNode>) => void) => {
  const node = healthyNode();
  change(node);
  return observeHealth(node.host, "a");
};

describe("observeHealth", () => {
  it("observes a node that is Ready", async () => {
    expect(await observed(() => {})).toEqual({
      k3s: { started: true, restarts: 0 },
      kubelet: true,
      containerd: "answers",
      api: { answers: true, node: { type: "Ready", status: "True", message: "" } },
    });
  });

  it("counts the restarts of k3s", async () => {
    const restarted = await observed(({ host }) => {
      host.mkdir("/run/openrc/options/k3s");
      host.write("/run/openrc/options/k3s/start_count", "3");
    });
    expect(restarted.k3s).toEqual({ started: true, restarts: 3 });
  });

  it("tells a containerd that hangs from one that is not there", async () => {
    const hanging = await observed(({ parts }) => {
      parts.containerd = 28;
    });
    const absent = await observed(({ host }) => host.remove("/run/k3s/containerd/containerd.sock"));
    expect([hanging.containerd, absent.containerd]).toEqual(["silent", "absent"]);
  });

  it("starts one program for all that is on this machine, and none as long as k3s is not started", async () => {
    const { host } = healthyNode();
    await observeLocal(host);
    expect(host.ran.map(([program]) => program)).toEqual(["curl"]);
    host.remove("/run/openrc/started/k3s");
    expect(await observeLocal(host)).toMatchObject({ kubelet: false, containerd: "absent" });
    expect(host.ran).toHaveLength(1);
  });

  it.each([
    ["does not listen", undefined, "Failed to connect to 127.0.0.1 port 6443", false],
    ["has troubles", { "/api/v1/nodes/a": { status: 503, body: {} } }, "it says 503", false],
    ["refuses the kubelet", { "/api/v1/nodes/a": { status: 401, body: {} } }, "it says 401", true],
    ["has moved", { "/api/v1/nodes/a": { status: 308, body: {} } }, "it says 308", true],
  ])("takes an API that %s for one that does not answer", async (_, api, reason, refused) => {
    const { api: found } = await observed(({ parts }) => {
      parts.api = api;
    });
    expect(found).toEqual({ answers: false, reason, refused });
  });

  it("knows an API that does not have this node", async () => {
    const { api } = await observed(({ parts }) => {
      parts.api = { "/api/v1/nodes/b": { body: nodeNamed("b", "True") } };
    });
    expect(api).toEqual({ answers: true, node: undefined });
  });

  it("asks no API before k3s has made credentials", async () => {
    const { api } = await observed(({ host }) => host.remove("/var/lib/rancher/k3s/agent"));
    expect(api).toEqual({ answers: false, reason: "k3s has made no credentials yet", refused: false });
  });
});

describe("the access to the API", () => {
  it("is the kubelet's", () => {
    expect(kubeletAccess(memoryHost({ files: FILES }))).toEqual({
      server: "https://127.0.0.1:6443",
      authority: "/var/lib/rancher/k3s/server/tls/server-ca.crt",
      certificate: "/var/lib/rancher/k3s/agent/client-kubelet.crt",
      key: "/var/lib/rancher/k3s/agent/client-kubelet.key",
    });
  });

  it("is taken from a kubeconfig in any order, with or without quotes", () => {
    const text = `users:\n- user:\n    client-key: "/k"\n    client-certificate: /c\nclusters:\n- cluster:\n    server: "https://s:1"\n    certificate-authority: /ca\n`;
    const host = memoryHost({ files: { "/var/lib/rancher/k3s/agent/kubelet.kubeconfig": text } });
    expect(kubeletAccess(host)).toEqual({ server: "https://s:1", authority: "/ca", certificate: "/c", key: "/k" });
  });

  it.each([
    [60, "curl: (60) certificate is not yet valid\n", "certificate is not yet valid", true],
    [35, "curl: (35) the server hung up\n", "the server hung up", false],
    [124, "", "curl ended with status 124", false],
  ])("tells distrust from silence: curl's status %i", async (status, stderr, reason, refused) => {
    const host = memoryHost({ files: FILES, programs: { curl: () => ({ status, stderr }) } });
    const access = kubeletAccess(host);
    if (access === undefined) throw new Error("no access");
    expect(await askApi(host, access, "/x")).toEqual({ answers: false, reason, refused });
  });

  it("keeps body and status of an answer apart, and does not use a proxy", async () => {
    let options: ExecOptions = {};
    const curl = (_: readonly string[], given: ExecOptions) => {
      options = given;
      return { stdout: "one\ntwo\n\n200" };
    };
    const host = memoryHost({ files: FILES, programs: { curl } });
    const access = kubeletAccess(host);
    if (access === undefined) throw new Error("no access");
    expect(await askApi(host, access, "/x?y=z")).toEqual({ answers: true, status: 200, body: "one\ntwo\n" });
    expect(settingsOf(options)).toMatchObject({ url: "https://127.0.0.1:6443/x?y=z", noproxy: "*" });
  });
});
