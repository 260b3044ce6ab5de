/**
 * The objects by which a cluster knows machines, pools and configurations. They are made only where they are applied:
 * the boot does not load this module.
 */
import { digestOf } from "../../config/digest.ts";
import { SECRETS_NAMESPACE } from "../../kubernetes/machine-config.ts";
import {
  adminRole,
  agentBinding,
  agentRole,
  machinePolicy,
  secretBinding,
  secretRole,
  secretsNamespace,
  turnPolicy,
  viewRole,
} from "./access.ts";
import { machineDefinition } from "./machine.ts";
import { machineConfigDefinition } from "./machine-config.ts";
import { machinePoolDefinition } from "./machine-pool.ts";
import type { Json } from "./openapi.ts";
import { DIGEST, DIGEST_ANNOTATION, REVISION, REVISION_ANNOTATION } from "./revision.ts";

export { firstPools } from "./pools.ts";

/** An object with where it is in the API. */
export interface ManagementObject {
  readonly path: string;
  readonly object: Json & { readonly metadata: { readonly name: string; readonly annotations: Json } };
}

const PLACES: Readonly<Record<string, string>> = {
  CustomResourceDefinition: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
  ValidatingAdmissionPolicy: "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
  ValidatingAdmissionPolicyBinding: "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
  Namespace: "/api/v1/namespaces",
  Role: `/apis/rbac.authorization.k8s.io/v1/namespaces/${SECRETS_NAMESPACE}/roles`,
  RoleBinding: `/apis/rbac.authorization.k8s.io/v1/namespaces/${SECRETS_NAMESPACE}/rolebindings`,
  ClusterRole: "/apis/rbac.authorization.k8s.io/v1/clusterroles",
  ClusterRoleBinding: "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
};

/**
 * All objects in the order in which they are applied. The last one, which lets agents write, comes when the policies
 * that bound it are there; with its annotations it also says that all others were applied.
 */
export function managementObjects(): readonly ManagementObject[] {
  return plainObjects().map((object) => {
    const { metadata, kind } = object as { metadata: { name: string }; kind: string } & Json;
    const annotations = { [REVISION_ANNOTATION]: String(REVISION), [DIGEST_ANNOTATION]: DIGEST };
    return {
      path: `${PLACES[kind]}/${metadata.name}`,
      object: { ...object, metadata: { ...metadata, annotations } },
    };
  });
}

/** What `DIGEST` has to be. */
export const digestOfObjects = (): string => digestOf(JSON.stringify(plainObjects()));

function plainObjects(): readonly Json[] {
  return [
    // The largest one first: each of the others keeps the server busy for a while.
    machineConfigDefinition(),
    machineDefinition(),
    machinePoolDefinition(),
    ...machinePolicy(),
    ...turnPolicy(),
    secretsNamespace(),
    secretRole(),
    secretBinding(),
    viewRole(),
    adminRole(),
    agentRole(),
    agentBinding(),
  ];
}
