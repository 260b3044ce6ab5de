/** The CustomResourceDefinition of Machine (src/kubernetes/machine.ts). */
import type { MachineSpec, MachineStatus } from "../../kubernetes/machine.ts";
import {
  column,
  conditions,
  definition,
  MESSAGE,
  NAME,
  observedGeneration,
  restartedAt,
  retry,
  STATUS_COLUMNS,
  wide,
} from "./common.ts";
import { count, flag, type Json, list, struct, text, time } from "./openapi.ts";

const PATH = 1024;
const EFFECT = "Live, Restart or Reboot: what it does to the node.";

const image = struct(
  {
    version: text(63, "The version of k3OS that runs."),
    digest: text(71, "The digest of its image."),
    kernel: text(63, "The release of its kernel."),
    kubernetes: text(63, "The version of its Kubernetes."),
  },
  { description: "What the node runs.", required: ["version", "digest"] },
);

const slot = struct(
  {
    name: text(16, "a or b."),
    version: text(63, "The version of k3OS in it."),
    digest: text(71, "The digest of its image."),
    state: text(63, "Running, Previous, Staged, OnTrial or Failed."),
    message: text(MESSAGE, "Why it is so."),
    stage: text(253, "How far its last trial came."),
    at: time("Since when it is so."),
  },
  { required: ["name", "version", "digest", "state"] },
);

const boot = struct(
  {
    at: time("When the node booted."),
    tookSeconds: { type: "number", description: "From the kernel's start until all services had been started." },
    downtimeSeconds: {
      type: "number",
      description: "From the stop of its services to Ready, at the last upgrade.",
    },
  },
  { description: "The last boot.", required: ["at"] },
);

const config = struct(
  {
    revision: text(71, "The revision of the layers of MachineConfigs that is applied; empty if there is none."),
    desired: text(71, "The revision that MachineConfigs ask for now."),
    state: text(63, "Current, Pending or Conflict."),
    layers: list(
      struct(
        { name: text(NAME, "The MachineConfig."), generation: count("Its generation.") },
        { required: ["name", "generation"] },
      ),
      256,
      { description: "The MachineConfigs that are applied, in this order.", key: "name" },
    ),
    conflicts: list(
      struct(
        {
          path: text(PATH, "The key."),
          configs: list(text(NAME), 64, { description: "The MachineConfigs; the last one counts." }),
        },
        { required: ["path", "configs"] },
      ),
      256,
      { description: "Keys that MachineConfigs set to different values." },
    ),
    refused: list(
      struct(
        { name: text(NAME, "The MachineConfig."), reason: text(MESSAGE, "Why, in a sentence.") },
        { required: ["name", "reason"] },
      ),
      256,
      { description: "MachineConfigs that are not taken over.", key: "name" },
    ),
  },
  { description: "What MachineConfigs say of this node.", required: ["revision", "desired", "layers"] },
);

const plan = list(
  struct(
    { path: text(PATH, "The key of the config."), effect: text(63, EFFECT), config: text(NAME, "The MachineConfig.") },
    { required: ["path", "effect", "config"] },
  ),
  1024,
  { description: "What is not applied yet, also of paused MachineConfigs; without values." },
);

const drift = list(
  struct(
    {
      kind: text(63, "What it is, such as File or Sysctl."),
      path: text(4096, "Which one."),
      since: time("When it was first seen."),
    },
    { required: ["kind", "path", "since"] },
  ),
  1024,
  { description: "What differs from the config although it was applied." },
);

export function machineDefinition(): Json {
  return definition({
    ...{ kind: "Machine", plural: "machines", shortName: "km" },
    description:
      "The operating system of one node. Its agent makes it, under the name of the Node, and writes its status.",
    needsSpec: false,
    spec: struct(
      {
        paused: flag("Nothing is changed on this node as long as it is true."),
        restartedAt: restartedAt("Another time restarts the node once, in its turn. Such as 2026-01-31T02:00:00Z"),
        retry: retry("Another text forgets what was given up on this node, so that it is tried once more."),
      } satisfies Record<keyof MachineSpec, Json>,
      { description: "What people ask of this node alone." },
    ),
    status: struct(
      {
        observedGeneration,
        pool: text(NAME, "The MachinePool that selects this node; none if no pool or more than one does."),
        poolGeneration: count("The generation of that pool which this status is about."),
        target: struct(
          { version: text(63, "Its version."), digest: text(71, "Its digest.") },
          { description: "The image that the pool wants here.", required: ["version", "digest"] },
        ),
        image,
        slots: list(slot, 8, { description: "The images on the node's disk.", key: "name" }),
        boot,
        config,
        plan,
        drift,
        conditions,
      } satisfies Record<keyof MachineStatus, Json>,
      { description: "How the node is. Its agent writes it." },
    ),
    columns: [
      column("POOL", "string", ".status.pool", "The MachinePool that selects it."),
      column("VERSION", "string", ".status.image.version", "The version of k3OS that runs."),
      column("SLOT", "string", '.status.slots[?(@.state=="Running")].name', "The slot that runs."),
      column("CONFIG", "string", ".status.config.state", "Whether MachineConfigs are applied."),
      column(
        "DRIFT",
        "string",
        '.status.conditions[?(@.type=="Drifted")].status',
        "Whether something differs from the config.",
      ),
      ...STATUS_COLUMNS,
      wide("KUBERNETES", "string", ".status.image.kubernetes", "The version of Kubernetes."),
      wide("KERNEL", "string", ".status.image.kernel", "The release of the kernel."),
    ],
  });
}
