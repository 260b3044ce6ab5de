import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, describe, expect, inject, it } from "vitest";
import { findProject } from "../../src/build/project.ts";
import { nodeHost } from "../../src/host/node.ts";
import type { MachinePool } from "../../src/kubernetes/machine-pool.ts";
import { ensureApi } from "../../src/node/agent/install.ts";
import { outputOf } from "../../src/process/run.ts";
import { administrator, kubectl } from "./support/api.ts";

/** Runs the plugin as kubectl would. */
function plugin(...words: string[]) {
  return pluginWith(`${inject("server").k3s} kubectl`, words);
}

function pluginWith(program: string, words: readonly string[]) {
  const { directory } = inject("server");
  const env = {
    ...{ HOME: directory, KUBECACHEDIR: join(directory, "cache"), KUBECONFIG: join(directory, "k3s.yaml") },
    KUBECTL: program,
  };
  return outputOf({ argv: [join(findProject(), "os/rootfs/usr/bin/kubectl-k3os"), ...words], cwd: directory, env }, {});
}

const name = "plugin";
const spec = async (kind: string): Promise<MachinePool["spec"]> =>
  JSON.parse((await kubectl(["get", kind, name, "-o", "json"])).stdout).spec ?? {};

beforeAll(async () => {
  await ensureApi(administrator(), nodeHost);
  const nodeSelector = { matchLabels: { plugin: "none" } };
  const objects = [
    { apiVersion: "k3os.io/v1alpha1", kind: "MachinePool", metadata: { name }, spec: { nodeSelector } },
    { apiVersion: "k3os.io/v1alpha1", kind: "Machine", metadata: { name } },
  ];
  for (const object of objects) await kubectl(["create", "-f", "-"], object);
  const digest = `sha256:${"1".repeat(64)}`;
  const condition = { type: "Ready", status: "False", reason: "Returned", message: "k3s did not start" };
  const status = {
    ...{ pool: name, image: { version: "0.31.0", digest } },
    slots: [
      { name: "a", version: "0.31.0", digest, state: "Running" },
      { name: "b", version: "0.30.0", digest: `sha256:${"2".repeat(64)}`, state: "Previous" },
    ],
    conditions: [{ ...condition, lastTransitionTime: "2026-01-31T02:00:00Z" }],
  };
  const patch = ["--subresource=status", "--type=merge", "-p", JSON.stringify({ status })];
  expect(await kubectl(["patch", "km", name, ...patch])).toMatchObject({ status: 0 });
});

describe("kubectl k3os", () => {
  it("shows what is not as it should be, and why", async () => {
    const { stdout } = await plugin("status");
    expect(stdout).toContain(`machinepool.k3os.io/${name}`);
    expect(stdout).toContain(`Machine/${name}: Returned: k3s did not start`);
  });

  it("pauses, resumes, restarts and tries again a pool, or one Machine", async () => {
    expect(await plugin("pause", name)).toMatchObject({ status: 0 });
    expect(await spec("kmp")).toMatchObject({ paused: true });
    expect(await plugin("resume", name)).toMatchObject({ status: 0 });
    expect(await spec("kmp")).toMatchObject({ paused: false });
    expect(await plugin("restart", `km/${name}`)).toMatchObject({ status: 0 });
    expect(await plugin("retry", `km/${name}`)).toMatchObject({ status: 0 });
    expect(await spec("km")).toMatchObject({ restartedAt: expect.stringMatching(/Z$/), retry: expect.anything() });
  });

  it("goes back to the version that the machines of a pool have in their other slot", async () => {
    expect(await plugin("undo", name)).toMatchObject({ status: 0 });
    expect(await spec("kmp")).toMatchObject({ image: { version: "0.30.0", allowDowngrade: true } });
  });

  it("tells the story of a machine", async () => {
    expect((await plugin("history", `km/${name}`)).stdout).toContain("slot b: 0.30.0, Previous");
  });

  it("gathers what a bug report needs, once", async () => {
    expect(await plugin("support", "s.tgz")).toMatchObject({ status: 0, stdout: "s.tgz\n" });
    expect(await plugin("support", "s.tgz")).toMatchObject({ status: 1, stderr: expect.stringContaining("exists") });
  });

  it.each([
    [["pause"], /Name a pool, or km\/MACHINE\. There are: .*plugin/],
    [["approve", name], /no target that could be approved/],
    [["undo", "km/plugin"], /name a pool/],
    [["pause", "a", "b"], /one at a time: a b/],
    [["restart", "node/a"], /node\/a is neither a pool nor a machine/],
    [["restart", "kmc/a"], /a MachineConfig can be paused and resumed/],
    [["nonsense"], /there is no command nonsense/],
  ])("refuses %j", async (words, reason) => {
    const { status, stderr } = await plugin(...words);
    expect(status).toBe(1);
    expect(stderr).toMatch(reason);
  });

  it("says what to do where the agent was never started", async () => {
    const kubectl = join(inject("server").directory, "kubectl-without");
    writeFileSync(kubectl, `#!/bin/sh\necho 'error: the server does not have a resource type "kmp"' >&2\nexit 1\n`);
    chmodSync(kubectl, 0o755);
    const { status, stderr } = await pluginWith(kubectl, ["status"]);
    expect(status).toBe(1);
    expect(stderr).toBe(
      "kubectl k3os: this cluster knows no MachinePools: start the agent of a server, see docs/kubectl.md\n",
    );
  });
});
