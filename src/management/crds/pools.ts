import type { MachinePool } from "../../kubernetes/machine-pool.ts";

const CONTROL_PLANE = "node-role.kubernetes.io/control-plane";

/**
 * The pools that a cluster begins with: every node is in one of them, and none is upgraded, as they name no image. They
 * are the user's from then on.
 */
export function firstPools(): readonly MachinePool[] {
  const kind = { apiVersion: "k3os.io/v1alpha1", kind: "MachinePool" } as const;
  return [
    {
      ...{ ...kind, metadata: { name: "servers" } },
      spec: { nodeSelector: { matchExpressions: [{ key: CONTROL_PLANE, operator: "Exists" }] } },
    },
    {
      ...{ ...kind, metadata: { name: "agents" } },
      spec: {
        nodeSelector: { matchExpressions: [{ key: CONTROL_PLANE, operator: "DoesNotExist" }] },
        // A kubelet must not be newer than the API.
        rollout: { after: [{ pool: "servers" }] },
      },
    },
  ];
}
