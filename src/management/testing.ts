/** Test support: objects of the API. */
import type { MachineConfig } from "../kubernetes/machine-config.ts";

type Spec = Omit<MachineConfig["spec"], "config"> & { readonly generation?: number };

export function machineConfig(
  name: string,
  config: Readonly<Record<string, unknown>>,
  { generation = 1, ...spec }: Spec = {},
): MachineConfig {
  return {
    apiVersion: "k3os.io/v1alpha1",
    kind: "MachineConfig",
    metadata: { name, generation },
    spec: { ...spec, config },
  };
}
