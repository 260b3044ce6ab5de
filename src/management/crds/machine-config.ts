/** The CustomResourceDefinition of MachineConfig (src/kubernetes/machine-config.ts). */
import { type MachineConfig, SECRETS_NAMESPACE, type SecretValue } from "../../kubernetes/machine-config.ts";
import { column, conditions, definition, NAME, nodeSelector, observedGeneration, STATUS_COLUMNS } from "./common.ts";
import { configSchema } from "./config.ts";
import { cel, choice, count, flag, type Json, list, struct, text, withRules } from "./openapi.ts";

const PATH = '^[a-z][a-z0-9_]*(\\.[A-Za-z0-9_-]+|\\[[0-9]+\\]|\\["[^"\\\\]+"\\])+$';

const secret = struct(
  {
    path: withRules(
      text(
        512,
        'Where the value belongs in `config`: a key that is secret. Such as k3os.registries.configs["registry.example.com"].auth.password',
      ),
      [
        {
          rule: `self.matches(${cel(PATH)})`,
          message: 'expected keys with dots between them; names with other letters in brackets: a.b["c.d"].e or a[0].b',
        },
      ],
    ),
    secretKeyRef: struct(
      {
        name: withRules(text(NAME, "The Secret."), [
          {
            rule: `self.matches(${cel("^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")})`,
            message: "expected the name of a Secret; small letters, digits, `-` and `.`",
          },
        ]),
        key: text(NAME, "Its key that has the value."),
      },
      { description: "Where the value stands.", required: ["name", "key"] },
    ),
  } satisfies Record<keyof SecretValue, Json>,
  { required: ["path", "secretKeyRef"] },
);

export function machineConfigDefinition(): Json {
  return definition({
    ...{ kind: "MachineConfig", plural: "machineconfigs", shortName: "kmc" },
    description:
      "A layer of config.yaml for the nodes that it selects, above what a node has itself. Layers are applied in the order of their names. Maps are merged by key, and so are lists whose items have a name or a path; to other lists, what is missing is added. Of a single value, the last layer's counts.",
    spec: struct({
      nodeSelector: nodeSelector("The Nodes that it is for, by their labels; all if not given."),
      paused: flag("Nothing of it is applied. Each Machine shows in `status.plan` what it would do."),
      atMost: choice(
        ["Live", "Restart", "Reboot"],
        "What it may do to a node at most: Live disturbs nothing, Restart restarts k3s and leaves pods running, Reboot restarts the node. What needs more is not applied, and the MachineConfig is Stalled. Reboot if not given.",
      ),
      config: configSchema(),
      secrets: list(secret, 32, {
        description: `Values of \`config\` that stand in Secrets of the namespace ${SECRETS_NAMESPACE}, such as passwords. Whoever reads the MachineConfig does not see them.`,
        key: "path",
      }),
    } satisfies Record<keyof MachineConfig["spec"], Json>),
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
