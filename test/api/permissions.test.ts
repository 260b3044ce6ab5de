import { beforeAll, describe, expect, it } from "vitest";
import { nodeHost } from "../../src/host/node.ts";
import type { Turn } from "../../src/kubernetes/machine-pool.ts";
import type { ApiAnswer } from "../../src/node/agent/client.ts";
import { ensureApi } from "../../src/node/agent/install.ts";
import type { TestApi } from "../support/api-client.ts";
import { eventually } from "../vm/support/eventually.ts";
import { administrator, nodeCalled, userCalled } from "./support/api.ts";

const GROUP = "/apis/k3os.io/v1alpha1";
const MACHINES = `${GROUP}/machines`;
const POOL = `${GROUP}/machinepools/permissions`;
const CONFIG = `${GROUP}/machineconfigs/permissions`;
const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const ADMISSION = "/apis/admissionregistration.k8s.io/v1";
const SECRETS = "/api/v1/namespaces/k3os-system/secrets";
const PODS = "/api/v1/namespaces/default/pods";

const admin = administrator();
const alpha = nodeCalled("alpha");

const object = (kind: string, name: string, more: object = {}) => ({
  ...{ apiVersion: "k3os.io/v1alpha1", kind, metadata: { name } },
  ...more,
});
const machine = (name: string, more: object = {}) => object("Machine", name, more);

const turnOf = (machine: string, more: Partial<Turn> = {}): Turn => ({
  ...{ machine, uid: `uid-${machine}`, since: "2026-01-01T00:00:00Z", deadline: "2026-01-01T01:00:00Z" },
  ...{ reason: "Image", protocol: 1 },
  ...more,
});
const turns = (...list: readonly Turn[]) => ({ status: { turns: list } });
const betas = turnOf("beta");

async function done(answer: Promise<ApiAnswer>): Promise<void> {
  const { status, reason } = await answer;
  expect(reason).toBe("");
  expect(status).toBeLessThan(300);
}

beforeAll(async () => {
  await ensureApi(admin, nodeHost);
  await done(admin.post(`${GROUP}/machinepools`, object("MachinePool", "permissions", { spec: {} })));
  await done(admin.post(`${GROUP}/machineconfigs`, object("MachineConfig", "permissions", { spec: {} })));
  for (const [path, name] of [
    [SECRETS, "mirror"],
    ["/api/v1/namespaces/default/secrets", "other"],
  ] as const) {
    await done(admin.post(path, { apiVersion: "v1", kind: "Secret", metadata: { name }, stringData: { a: "b" } }));
  }
  for (const name of ["alpha", "beta"]) {
    await done(admin.post("/api/v1/nodes", { apiVersion: "v1", kind: "Node", metadata: { name } }));
  }
  await done(admin.patch(`${POOL}/status`, turns(betas), "merge"));
  const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default" } };
  await admin.post("/api/v1/namespaces/default/serviceaccounts", account);
  const container = { name: "a", image: "a" };
  for (const nodeName of ["alpha", "beta"]) {
    const spec = { nodeName, containers: [container] };
    await done(admin.post(PODS, { apiVersion: "v1", kind: "Pod", metadata: { name: `on-${nodeName}` }, spec }));
  }
  // A policy is in force a moment after it was written.
  await eventually(async () => {
    const answer = await nodeCalled("probe").post(`${MACHINES}?dryRun=All`, machine("gamma"));
    expect(answer.reason).toContain("a node may only write its own Machine");
  }, 30);
  await done(alpha.post(MACHINES, machine("alpha")));
  await done(nodeCalled("beta").post(MACHINES, machine("beta")));
});

describe("A node's credential", () => {
  it.each<[string, () => Promise<ApiAnswer>]>([
    ["lists Machines", () => alpha.get(MACHINES)],
    ["lists MachinePools", () => alpha.get(`${GROUP}/machinepools`)],
    ["lists MachineConfigs", () => alpha.get(`${GROUP}/machineconfigs`)],
    ["lists Nodes", () => alpha.get("/api/v1/nodes")],
    ["reads a Secret that a MachineConfig may name", () => alpha.get(`${SECRETS}/mirror`)],
    [
      "writes the status of its own Machine",
      () => alpha.patch(`${MACHINES}/alpha/status`, { status: { pool: "a" } }, "merge"),
    ],
    ["takes its turn", () => alpha.patch(`${POOL}/status`, turns(betas, turnOf("alpha")), "merge")],
    [
      "puts its turn off, and sums up the pool",
      () => {
        const mine = turnOf("alpha", { deadline: "2026-01-01T02:00:00Z" });
        return alpha.patch(`${POOL}/status`, { status: { turns: [mine, betas], machines: 2, updated: 1 } }, "merge");
      },
    ],
    ["gives its turn back", () => alpha.patch(`${POOL}/status`, turns(betas), "merge")],
    [
      "writes the status of a MachineConfig",
      () => alpha.patch(`${CONFIG}/status`, { status: { selected: 1 } }, "merge"),
    ],
    [
      "makes a Machine that its Node owns",
      () =>
        nodeCalled("delta").post(MACHINES, {
          ...machine("delta"),
          metadata: { name: "delta", ownerReferences: [{ apiVersion: "v1", kind: "Node", name: "delta", uid: "1" }] },
        }),
    ],
    [
      "tells events",
      () =>
        alpha.post("/api/v1/namespaces/default/events", {
          ...{ apiVersion: "v1", kind: "Event", metadata: { name: "alpha.1" }, reason: "Staged", message: "staged" },
          involvedObject: { apiVersion: "k3os.io/v1alpha1", kind: "Machine", name: "alpha" },
        }),
    ],
    [
      "evicts a pod of its own",
      () =>
        alpha.post(`${PODS}/on-alpha/eviction?dryRun=All`, {
          ...{ apiVersion: "policy/v1", kind: "Eviction", metadata: { name: "on-alpha", namespace: "default" } },
        }),
    ],
  ])("%s", async (_, attempt) => done(attempt()));

  const eve = userCalled("eve", "system:nodes");
  const turn = (who: TestApi, body: unknown) => who.patch(`${POOL}/status`, body, "merge");
  const OWN_TURN = "a node may only take and give back its own turn";
  const OWN_MACHINE = "a node may only write its own Machine";
  const NO_RIGHT = /cannot (create|update|patch|delete|deletecollection|list|get) resource/;

  it.each<[string, () => Promise<ApiAnswer>, string | RegExp]>([
    ["make another node's Machine", () => alpha.post(MACHINES, machine("gamma")), OWN_MACHINE],
    [
      "make its Machine with a spec",
      () => nodeCalled("gamma").post(MACHINES, machine("gamma", { spec: { paused: true } })),
      "a node may not write the spec of its Machine",
    ],
    [
      "make its Machine so that it cannot be deleted",
      () =>
        nodeCalled("gamma").post(MACHINES, { ...machine("gamma"), metadata: { name: "gamma", finalizers: ["a.b/c"] } }),
      "a node may not keep its Machine from being deleted",
    ],
    [
      "give its Machine to another Node",
      () =>
        nodeCalled("gamma").post(MACHINES, {
          ...machine("gamma"),
          metadata: { name: "gamma", ownerReferences: [{ apiVersion: "v1", kind: "Node", name: "beta", uid: "1" }] },
        }),
      "a Machine belongs to the Node of its name",
    ],
    ["make a Machine without being a node", () => eve.post(MACHINES, machine("eve")), OWN_MACHINE],
    [
      "write the spec of its Machine",
      () => alpha.patch(`${MACHINES}/alpha`, { spec: { paused: true } }, "merge"),
      NO_RIGHT,
    ],
    [
      "write its Machine's labels",
      () => alpha.patch(`${MACHINES}/alpha`, { metadata: { labels: { a: "b" } } }, "merge"),
      NO_RIGHT,
    ],
    [
      "apply its Machine",
      () => alpha.applyAs("x", `${MACHINES}/alpha`, machine("alpha", { spec: { paused: true } })),
      NO_RIGHT,
    ],
    ["replace its Machine", () => alpha.put(`${MACHINES}/alpha`, machine("alpha")), NO_RIGHT],
    ["replace its Machine's status", () => alpha.put(`${MACHINES}/alpha/status`, machine("alpha")), NO_RIGHT],
    ["delete its Machine", () => alpha.delete(`${MACHINES}/alpha`), NO_RIGHT],
    [
      "write the status of another Machine",
      () => alpha.patch(`${MACHINES}/beta/status`, { status: { pool: "x" } }, "merge"),
      OWN_MACHINE,
    ],
    ["delete another Machine", () => alpha.delete(`${MACHINES}/beta`), NO_RIGHT],
    ["delete all Machines", () => alpha.delete(MACHINES), NO_RIGHT],
    ["take a turn for another node", () => turn(alpha, turns(betas, turnOf("gamma"))), OWN_TURN],
    ["give back another node's turn", () => turn(alpha, turns()), OWN_TURN],
    ["take its turn from another node", () => turn(alpha, turns(turnOf("alpha"))), OWN_TURN],
    [
      "change another node's turn",
      () => turn(alpha, turns(turnOf("beta", { deadline: "2036-01-01T00:00:00Z" }))),
      OWN_TURN,
    ],
    ["take away all turns", () => turn(alpha, { status: { turns: null } }), OWN_TURN],
    ["take away a pool's status", () => turn(alpha, { status: null }), OWN_TURN],
    ["take a turn without being a node", () => turn(eve, turns(betas, turnOf("alpha"))), OWN_TURN],
    ["replace a pool's status", () => alpha.put(`${POOL}/status`, object("MachinePool", "permissions")), NO_RIGHT],
    ["write a pool", () => alpha.patch(POOL, { spec: { image: { version: "0.1.0" } } }, "merge"), NO_RIGHT],
    [
      "write a pool's annotations",
      () => alpha.patch(POOL, { metadata: { annotations: { a: "b" } } }, "merge"),
      NO_RIGHT,
    ],
    ["make a pool", () => alpha.post(`${GROUP}/machinepools`, object("MachinePool", "alpha", { spec: {} })), NO_RIGHT],
    ["delete a pool", () => alpha.delete(POOL), NO_RIGHT],
    [
      "make a MachineConfig",
      () => alpha.post(`${GROUP}/machineconfigs`, object("MachineConfig", "alpha", { spec: {} })),
      NO_RIGHT,
    ],
    ["write a MachineConfig", () => alpha.patch(CONFIG, { spec: { config: { run_cmd: ["id"] } } }, "merge"), NO_RIGHT],
    ["delete a MachineConfig", () => alpha.delete(CONFIG), NO_RIGHT],
    ["delete the policy of turns", () => alpha.delete(`${ADMISSION}/validatingadmissionpolicies/k3os-turns`), NO_RIGHT],
    [
      "unbind the policy of Machines",
      () => alpha.delete(`${ADMISSION}/validatingadmissionpolicybindings/k3os-machines`),
      NO_RIGHT,
    ],
    ["give itself more rights", () => alpha.patch(`${RBAC}/clusterroles/k3os:agent`, { rules: [] }, "merge"), NO_RIGHT],
    [
      "change a definition",
      () =>
        alpha.patch(
          "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/machines.k3os.io",
          { metadata: { annotations: { "k3os.io/crd-revision": "0" } } },
          "merge",
        ),
      NO_RIGHT,
    ],
    [
      "label another Node",
      () => alpha.patch("/api/v1/nodes/beta", { metadata: { labels: { a: "b" } } }, "merge"),
      "not allowed to modify node",
    ],
    ["delete another Node", () => alpha.delete("/api/v1/nodes/beta"), /cannot delete|not allowed to modify node/],
    [
      "evict another node's pod",
      () =>
        alpha.post(`${PODS}/on-beta/eviction`, {
          ...{ apiVersion: "policy/v1", kind: "Eviction", metadata: { name: "on-beta", namespace: "default" } },
        }),
      "node alpha can only evict pods with spec.nodeName set to itself|pods",
    ],
    ["read secrets", () => alpha.get("/api/v1/secrets"), /forbidden|cannot list/],
    ["list the Secrets of MachineConfigs", () => alpha.get(SECRETS), /cannot list/],
    ["read another Secret", () => alpha.get("/api/v1/namespaces/default/secrets/other"), NO_RIGHT],
    ["write a Secret", () => alpha.patch(`${SECRETS}/mirror`, { data: {} }, "merge"), NO_RIGHT],
  ])("does not %s", async (_, attempt, why) => {
    const before = await versions();
    const answer = await attempt();
    expect(answer.status).toBe(403);
    expect(answer.reason).toMatch(typeof why === "string" ? new RegExp(why) : why);
    expect(await versions()).toEqual(before);
  });

  it("changes nothing but the status when it writes a status", async () => {
    const spec = { paused: true };
    const body = { metadata: { labels: { a: "b" } }, spec, status: { pool: "b" } };
    await alpha.patch(`${MACHINES}/alpha/status`, body, "merge");
    const { body: after } = await admin.get<{ metadata: object; spec?: object }>(`${MACHINES}/alpha`);
    expect(after?.metadata).not.toHaveProperty("labels");
    expect(after?.spec).toBeUndefined();
  });
});

/** What attempts might have changed, with the version of each object. */
async function versions(): Promise<string[]> {
  const lists = [
    ...["machines", "machinepools", "machineconfigs"].map((kind) => `${GROUP}/${kind}`),
    ...["/api/v1/nodes", PODS],
    ...["validatingadmissionpolicies", "validatingadmissionpolicybindings"].map((kind) => `${ADMISSION}/${kind}`),
    ...[`${RBAC}/clusterroles/k3os:agent`, `${RBAC}/clusterrolebindings/k3os:agent`],
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
  ];
  type Versioned = { metadata: { name: string; resourceVersion: string } };
  const answers = await Promise.all(lists.map((path) => admin.get<Versioned & { items?: Versioned[] }>(path)));
  return answers.flatMap(({ body }) =>
    (body?.items ?? (body === undefined ? [] : [body])).map(
      ({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`,
    ),
  );
}

describe("People", () => {
  const reader = userCalled("reader", "readers");
  const owner = userCalled("owner", "owners");
  beforeAll(async () => {
    const bind = (name: string, role: string) => ({
      ...{ apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRoleBinding", metadata: { name } },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name }],
    });
    await done(admin.post(`${RBAC}/clusterrolebindings`, bind("reader", "k3os:view")));
    await done(admin.post(`${RBAC}/clusterrolebindings`, bind("owner", "k3os:admin")));
    await eventually(async () => expect((await reader.get(MACHINES)).status).toBe(200), 30);
    await eventually(async () => expect((await owner.get(MACHINES)).status).toBe(200), 30);
  });

  it("with k3os:view read, and write nothing", async () => {
    await done(reader.get(POOL));
    expect((await reader.patch(POOL, { spec: { paused: true } }, "merge")).status).toBe(403);
  });

  it("with k3os:admin write, and the policies on nodes do not bind them", async () => {
    await done(owner.patch(`${MACHINES}/beta`, { spec: { paused: true } }, "merge"));
    await done(owner.patch(`${POOL}/status`, turns(), "merge"));
    await done(owner.patch(`${POOL}/status`, turns(betas), "merge"));
  });

  it("who read the cluster read its machines: k3os:view is a part of view", async () => {
    type Role = { metadata: { labels?: Record<string, string> } };
    const { body } = await admin.get<Role>(`${RBAC}/clusterroles/k3os:view`);
    expect(body?.metadata.labels).toEqual({ "rbac.authorization.k8s.io/aggregate-to-view": "true" });
  });
});
