/** What several of the kinds have. */
import { choice, count, type Json, list, listOf, struct, text, time, withRules } from "./openapi.ts";

export const GROUP = "k3os.io";
export const VERSION = "v1alpha1";

/** The longest text of a name in the API. */
export const NAME = 253;
/** An identifier such as `sha256:<64 digits>`. */
const DIGEST = "^sha256:[0-9a-f]{64}$";
/** A text that is told to people, as long as that of a condition may be. */
export const MESSAGE = 32_768;

export const digest = (description: string): Json => ({ ...text(71, description), pattern: DIGEST });

const expression = withRules(
  struct(
    {
      key: text(317, "The label."),
      operator: choice(["In", "NotIn", "Exists", "DoesNotExist"], "How `values` are meant."),
      values: list(text(63), 64, { description: "For `In` and `NotIn`." }),
    },
    { required: ["key", "operator"] },
  ),
  [
    {
      rule: 'self.operator in ["In", "NotIn"] == (has(self.values) && size(self.values) > 0)',
      message: "expected values for `In` and `NotIn`, and none for `Exists` and `DoesNotExist`",
    },
  ],
);

/** Labels with their values. */
export const labels = (description: string): Json => ({
  ...{ description, type: "object", maxProperties: 32 },
  additionalProperties: text(63),
});

/** Labels of Nodes. */
export function nodeSelector(description: string): Json {
  return struct(
    {
      matchLabels: labels("Labels that a Node must have, with their values."),
      matchExpressions: list(expression, 32, {
        description: "Conditions that a Node's labels must meet, all of them.",
      }),
    },
    { description },
  );
}

/** Asks for something once more by another text, as `kubectl rollout restart` does. */
export function restartedAt(description: string): Json {
  return withRules(text(64, description), [
    {
      rule: 'self == "" || self.matches("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$")',
      message: "expected a time; such as 2026-01-31T02:00:00Z",
    },
  ]);
}

export const retry = (description: string): Json => text(256, description);

export const observedGeneration = count("The generation of this object that the status is about.");

/** metav1.Condition. */
export const conditions: Json = {
  ...{ description: "Ready is always there, the others only while they are true.", type: "array", maxItems: 16 },
  ...listOf("type"),
  items: struct(
    {
      type: text(316, "What it is about, such as Ready."),
      status: choice(["True", "False", "Unknown"], "Whether it is so."),
      reason: text(1024, "A word for programs."),
      message: text(MESSAGE, "A sentence for people."),
      observedGeneration,
      lastTransitionTime: time("When `status` last changed."),
    },
    { required: ["type", "status", "reason", "message", "lastTransitionTime"] },
  ),
};

export interface Column {
  readonly name: string;
  readonly type: "string" | "integer" | "boolean" | "date";
  readonly jsonPath: string;
  readonly description: string;
  /** Only with `-o wide`. */
  readonly wide?: true;
}

/** The reason of the condition Ready says how things are, in one word. */
export const STATUS_COLUMNS: readonly Column[] = [
  column("READY", "string", '.status.conditions[?(@.type=="Ready")].status', "Whether all is as it should be."),
  column("STATUS", "string", '.status.conditions[?(@.type=="Ready")].reason', "How it is, in one word."),
  column("AGE", "date", ".metadata.creationTimestamp", "How old the object is."),
  {
    ...column("MESSAGE", "string", '.status.conditions[?(@.type=="Ready")].message', "The same in a sentence."),
    wide: true,
  },
];

export function column(name: string, type: Column["type"], jsonPath: string, description: string): Column {
  return { name, type, jsonPath, description };
}

export const wide = (...parameters: Parameters<typeof column>): Column => ({ ...column(...parameters), wide: true });

export interface Kind {
  readonly kind: string;
  readonly plural: string;
  readonly shortName: string;
  readonly description: string;
  readonly spec: Json;
  readonly status: Json;
  readonly columns: readonly Column[];
  /** Rules of the object as a whole; of `metadata` they see only the name. */
  readonly rules?: Parameters<typeof withRules>[1];
  /** Whether an object without a spec is refused. */
  readonly needsSpec?: boolean;
}

/** A CustomResourceDefinition, without the annotations that say which revision it is. */
export function definition({ kind, plural, shortName, description, spec, status, columns, ...more }: Kind): Json {
  const { rules = [], needsSpec = true } = more;
  const schema = struct(
    { apiVersion: { type: "string" }, kind: { type: "string" }, metadata: { type: "object" }, spec, status },
    { description, ...(needsSpec && { required: ["spec"] }) },
  );
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: "Cluster",
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames: [shortName],
        categories: ["k3os"],
      },
      versions: [
        {
          ...{ name: VERSION, served: true, storage: true },
          subresources: { status: {} },
          additionalPrinterColumns: columns.map(({ wide, ...rest }) => ({ ...rest, ...(wide && { priority: 1 }) })),
          schema: { openAPIV3Schema: withRules(schema, rules) },
        },
      ],
    },
  };
}
