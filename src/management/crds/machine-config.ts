/** The CustomResourceDefinition of MachineConfig (src/kubernetes/machine-config.ts). */
import { column, conditions, definition, nodeSelector, observedGeneration, STATUS_COLUMNS } from "./common.ts";
import { configSchema } from "./config.ts";
import { choice, count, flag, type Json, struct } from "./openapi.ts";

export function machineConfigDefinition(): Json {
  return definition({
    ...{ kind: "MachineConfig", plural: "machineconfigs", shortName: "kmc" },
    description:
      "A layer of config.yaml for the nodes that it selects, above what a node has itself. Layers are applied in the order of their names. Maps are merged by key, and so are lists whose items have a name; of anything else, the last layer's counts.",
    spec: struct({
      nodeSelector: nodeSelector("The Nodes that it is for, by their labels; all if not given."),
      paused: flag("Nothing of it is applied. Each Machine shows in `status.plan` what it would do."),
      atMost: choice(
        ["Live", "Restart", "Reboot"],
        "What it may do to a node at most: Live disturbs nothing, Restart restarts k3s and leaves pods running, Reboot restarts the node. What needs more is not applied, and the MachineConfig is Stalled. Reboot if not given.",
      ),
      config: configSchema(),
    }),
    status: struct(
      {
        observedGeneration,
        selected: count("How many nodes it is for."),
        applied: count("How many of them have applied it as it is now."),
        conditions,
      },
      { description: "What has become of it. Agents write it." },
    ),
    columns: [
      column("SELECTED", "integer", ".status.selected", "How many nodes it is for."),
      column("APPLIED", "integer", ".status.applied", "How many of them have applied it."),
      column("PAUSED", "boolean", ".spec.paused", "Whether it only shows what it would do."),
      ...STATUS_COLUMNS,
    ],
  });
}
