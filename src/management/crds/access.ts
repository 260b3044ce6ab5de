/**
 * Who may do what: an agent has its node's credential (user `system:node:NAME`, group `system:nodes`). RBAC lets it
 * write status only, the policies its own Machine's and its own turn only.
 */
import { SECRETS_NAMESPACE } from "../../kubernetes/machine-config.ts";
import { GROUP, VERSION } from "./common.ts";
import { cel, type Json } from "./openapi.ts";

const NODES = "system:nodes";
const KINDS = ["machines", "machinepools", "machineconfigs"];
const STATUS = KINDS.map((kind) => `${kind}/status`);
const READ = ["get", "list", "watch"];

const rbac = { apiVersion: "rbac.authorization.k8s.io/v1" };

function clusterRole(name: string, rules: readonly Json[], labels: Json = {}): Json {
  const metadata = { name, ...(Object.keys(labels).length > 0 && { labels }) };
  return { ...rbac, kind: "ClusterRole", metadata, rules };
}

/** For people who may read the cluster. */
export function viewRole(): Json {
  const labels = { "rbac.authorization.k8s.io/aggregate-to-view": "true" };
  return clusterRole("k3os:view", [{ apiGroups: [GROUP], resources: KINDS, verbs: READ }], labels);
}

/**
 * For people who may change nodes. It is not part of `admin`: who writes a MachineConfig is root on every node, and
 * `admin` is made for a namespace.
 */
export function adminRole(): Json {
  const resources = [...KINDS, ...STATUS];
  return clusterRole("k3os:admin", [{ apiGroups: [GROUP], resources, verbs: ["*"] }]);
}

export function agentRole(): Json {
  return clusterRole("k3os:agent", [
    { apiGroups: [GROUP], resources: KINDS, verbs: READ },
    { apiGroups: [GROUP], resources: ["machines"], verbs: ["create"] },
    { apiGroups: [GROUP], resources: STATUS, verbs: ["patch"] },
    // To count who is unavailable: by itself, a node sees only its own Node.
    { apiGroups: [""], resources: ["nodes"], verbs: READ },
    { apiGroups: ["", "events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
  ]);
}

export function agentBinding(): Json {
  return {
    ...{ ...rbac, kind: "ClusterRoleBinding", metadata: { name: "k3os:agent" } },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "k3os:agent" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: NODES }],
  };
}

const secretReader = { name: "k3os:secret-reader", namespace: SECRETS_NAMESPACE };

/** Where the Secrets are that MachineConfigs name. */
export const secretsNamespace = (): Json => ({
  ...{ apiVersion: "v1", kind: "Namespace", metadata: { name: SECRETS_NAMESPACE } },
});

/** A node reads a Secret by its name: no list, so that it has to know of it by a MachineConfig. */
export function secretRole(): Json {
  const rules = [{ apiGroups: [""], resources: ["secrets"], verbs: ["get"] }];
  return { ...rbac, kind: "Role", metadata: secretReader, rules };
}

export function secretBinding(): Json {
  return {
    ...{ ...rbac, kind: "RoleBinding", metadata: secretReader },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: secretReader.name },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: NODES }],
  };
}

const admission = { apiVersion: "admissionregistration.k8s.io/v1" };

interface Policy {
  readonly name: string;
  readonly operations: readonly ("CREATE" | "UPDATE")[];
  readonly resources: readonly string[];
  readonly variables?: readonly { name: string; expression: string }[];
  readonly validations: readonly { expression: string; message: string }[];
}

/** A policy on what nodes write, and its binding. Whoever else writes is not asked. */
function nodePolicy({ name, operations, resources, variables, validations }: Policy): Json[] {
  return [
    {
      ...{ ...admission, kind: "ValidatingAdmissionPolicy", metadata: { name } },
      spec: {
        failurePolicy: "Fail",
        matchConstraints: { resourceRules: [{ apiGroups: [GROUP], apiVersions: [VERSION], operations, resources }] },
        matchConditions: [{ name: "node", expression: `${cel(NODES)} in request.userInfo.groups` }],
        ...(variables && { variables }),
        validations: validations.map((validation) => ({ ...validation, reason: "Forbidden" })),
      },
    },
    {
      ...{ ...admission, kind: "ValidatingAdmissionPolicyBinding", metadata: { name } },
      spec: { policyName: name, validationActions: ["Deny"] },
    },
  ];
}

const specOf = (object: string) => `(has(${object}.spec) ? ${object}.spec : {})`;

export function machinePolicy(): Json[] {
  return nodePolicy({
    ...{ name: "k3os-machines", operations: ["CREATE", "UPDATE"], resources: ["machines", "machines/status"] },
    validations: [
      {
        expression: 'request.userInfo.username == "system:node:" + object.metadata.name',
        message: "a node may only write its own Machine",
      },
      {
        expression: `${specOf("object")} == (request.operation == "CREATE" ? {} : ${specOf("oldObject")})`,
        message: "a node may not write the spec of its Machine: that is for people",
      },
      {
        expression:
          '!has(object.metadata.ownerReferences) || object.metadata.ownerReferences.all(o, o.kind == "Node" && o.name == object.metadata.name)',
        message: "a Machine belongs to the Node of its name, and to nothing else",
      },
      {
        expression:
          '!has(object.metadata.finalizers) || size(object.metadata.finalizers) == 0 || request.operation != "CREATE"',
        message: "a node may not keep its Machine from being deleted",
      },
    ],
  });
}

const turnsOf = (object: string) =>
  `has(${object}.status) && has(${object}.status.turns) ? ${object}.status.turns : []`;

export function turnPolicy(): Json[] {
  return nodePolicy({
    ...{ name: "k3os-turns", operations: ["UPDATE"], resources: ["machinepools/status"] },
    variables: [
      { name: "me", expression: 'request.userInfo.username.replace("system:node:", "", 1)' },
      { name: "was", expression: turnsOf("oldObject") },
      { name: "is", expression: turnsOf("object") },
    ],
    validations: [
      {
        expression:
          "variables.is.all(t, t.machine == variables.me || variables.was.exists(o, o == t)) && variables.was.all(o, o.machine == variables.me || variables.is.exists(t, t == o))",
        message: "a node may only take and give back its own turn",
      },
    ],
  });
}
