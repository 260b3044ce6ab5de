/** The CustomResourceDefinition of MachinePool (src/kubernetes/machine-pool.ts). */
import { secondsOf } from "../../config/duration.ts";
import { timezone } from "../../config/schema/timezone.ts";
import { channel, imageSource, namespace, timeOfDay, weekday } from "../../config/schema/upgrading.ts";
import type { MachinePoolSpec, MachinePoolStatus } from "../../kubernetes/machine-pool.ts";
import {
  column,
  conditions,
  definition,
  digest,
  labels,
  NAME,
  nodeSelector,
  observedGeneration,
  restartedAt,
  retry,
  STATUS_COLUMNS,
  wide,
} from "./common.ts";
import { patternRules } from "./config.ts";
import { cel, choice, count, flag, type Json, list, type Rule, struct, text, time, withRules } from "./openapi.ts";
import { durationBetween, LABEL, QUALIFIED } from "./rules.ts";

/** A duration such as `1h30m`; `soak` knows days, too. */
function duration(least: string, most: string, description: string): Json {
  const range = [secondsOf(least) ?? 0, secondsOf(most) ?? 0] as const;
  const message = `expected a duration from ${least} to ${most}; such as 30s, 10m or 1h30m`;
  return withRules(text(32, description), [{ rule: durationBetween("self", range), message }]);
}

const image = withRules(
  struct(
    {
      version: withRules(text(63, "The version, such as 0.32.0; in place of `channel`."), [
        {
          rule: 'self.matches("^[0-9]+([.][0-9]+){1,3}([-+][0-9A-Za-z.+-]+)?$")',
          message: "expected a version without a v before it; such as 0.32.0",
        },
      ]),
      channel: withRules(
        text(63, "The channel of the source that is followed, such as stable; in place of `version`."),
        patternRules(channel),
      ),
      source: withRules(
        text(
          1024,
          "Where images come from: URL or path of a directory that `k3os publish` made, or " +
            "oci://REGISTRY/REPOSITORY; `k3os.upgrade.source` of the nodes if not given. Such as " +
            "https://example.com/k3os",
        ),
        patternRules(imageSource),
      ),
      allowDowngrade: flag("Whether an image may be older than the one that runs."),
    },
    { description: "The image that the nodes shall run. Without it, versions are left alone." },
  ),
  [
    {
      rule: "has(self.version) != has(self.channel)",
      message: "expected either `version` or `channel`; without `image`, versions are left alone",
    },
  ],
);

const window = struct(
  {
    days: list(withRules(text(16), patternRules(weekday)), 7, {
      description: "The days that it begins on; every day if not given.",
    }),
    start: withRules(text(5, "When it begins, from 00:00 to 23:59."), patternRules(timeOfDay)),
    duration: duration("15m", "24h", "How long it lasts: 15m to 24h."),
    timeZone: withRules(
      text(64, "The zone that `start` is in, such as Europe/Berlin; the node's if not given."),
      patternRules(timezone),
    ),
  },
  { required: ["start", "duration"] },
);

const after = struct(
  {
    pool: text(NAME, "The MachinePool that must be Ready at its target first."),
    soak: withRules(text(32, "For how long it must have been, such as 24h or 7d."), [
      {
        rule: 'self.matches("^([0-9]{1,4}d)?([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$") && self != ""',
        message: "expected a duration; such as 30m, 24h or 7d",
      },
    ]),
  },
  { required: ["pool"] },
);

const maxUnavailable = withRules(
  {
    description:
      "How many nodes of the pool may be unavailable at once, for whatever reason, when a change disturbs one: a " +
      "number, or a part of the pool such as 25%, which is at least one. 1 if not given. Servers keep their " +
      "quorum in any case.",
    "x-kubernetes-int-or-string": true,
  },
  [
    {
      rule: 'type(self) == int ? int(self) >= 1 : string(self).matches("^([1-9][0-9]?|100)%$")',
      message: 'expected a number from 1 on, or a percentage from 1% to 100%; such as 1 or "25%"',
    },
  ],
);

const rollout = struct(
  {
    maxUnavailable,
    after: list(after, 16, { description: "Pools that come first.", key: "pool" }),
    windows: list(window, 16, {
      description:
        "When nodes may be disturbed, always if not given. All are closed while a node's clock is not known to " +
        "be right.",
    }),
    drain: struct(
      {
        mode: choice(
          ["Auto", "Always", "Never"],
          "Whether the node's pods are evicted first. Auto, if not given: where they could run on another node.",
        ),
        timeout: duration(
          "10s",
          "24h",
          "How long evicting may take until the node gives its turn back: 10m if not given.",
        ),
      },
      { description: "What happens to pods before a node restarts." },
    ),
  },
  { description: "How a change goes through the pool." },
);

const check = struct(
  {
    name: withRules(text(63, "What messages call it."), [
      { rule: 'self != ""', message: "expected a name; such as ingress" },
    ]),
    pods: struct(
      {
        namespace: withRules(text(63, "Their namespace."), patternRules(namespace)),
        matchLabels: withRules(labels("Labels that they have; all pods of the namespace count if not given."), [
          {
            rule: `self.all(key, key.matches(${cel(`^${QUALIFIED}$`)}) && self[key].matches(${cel(`^(${LABEL})?$`)}))`,
            message: "expected labels; such as app: nginx",
          },
        ]),
      },
      { description: "Pods of the node that must be Ready, at least one.", required: ["namespace"] },
    ),
  },
  { required: ["name", "pods"] },
);

const trial = withRules(
  struct(
    {
      deadline: duration("2m", "2h", "When a trial that is not healthy yet is given up: 2m to 2h; 10m if not given."),
      stableFor: duration(
        "0s",
        "1h",
        "How long a node on trial must be healthy without a break: up to 1h; 30s if not given.",
      ),
      checks: list(check, 16, {
        description: "What else must be true on the node, beside `k3os.upgrade.checks` of its config.",
        key: "name",
      }),
    } satisfies Record<keyof NonNullable<MachinePoolSpec["trial"]>, Json>,
    {
      description:
        "How a node finds out whether an image or a config was good that it had to restart for. What is not " +
        "given is as `k3os.upgrade` of the node says.",
    },
  ),
  [
    {
      rule: "!has(self.deadline) || !has(self.stableFor) || duration(self.stableFor) < duration(self.deadline)",
      message:
        "expected less than the deadline; a node that must be healthy for longer than it may try can never be kept",
      fieldPath: ".stableFor",
    },
  ],
);

const spec = withRules(
  struct({
    nodeSelector: nodeSelector("The Nodes of the pool, by their labels. A Node in two pools is changed by neither."),
    image,
    paused: flag("Nothing begins as long as it is true. What has begun is undone, unless the node restarts already."),
    approval: choice(
      ["Automatic", "Manual"],
      "Manual: images are activated only when `approved` is a digest in `status.target`. Automatic if not given.",
    ),
    approved: withRules(
      text(
        71,
        "What may be activated: `status.target.digest`, or that of one of its `images`. It stands for all of them.",
      ),
      [
        {
          rule: 'self == "" || self.matches("^sha256:[0-9a-f]{64}$")',
          message: "expected a digest; copy it from status.target.digest",
        },
      ],
    ),
    restartedAt: restartedAt("Another time restarts the nodes, one after the other. Such as 2026-01-31T02:00:00Z"),
    retry: retry("Another text forgets what was given up, so that it is tried once more."),
    driftPolicy: choice(
      ["Report", "Repair"],
      "What becomes of a node that differs from its config. Repair: what needs no restart is set again. Report " +
        "if not given: its Machine tells it, and no more.",
    ),
    rollout,
    trial,
  } satisfies Record<keyof MachinePoolSpec, Json>),
  [
    {
      rule: '!has(self.approved) || self.approved == "" || (has(self.approval) && self.approval == "Manual")',
      message: "expected `approval: Manual`; with Automatic nothing waits for it",
      fieldPath: ".approved",
    },
  ],
);

const turn = struct(
  {
    machine: text(NAME, "The Machine that may be disturbed."),
    uid: text(63, "The uid of its Node."),
    since: time("When it took its turn."),
    deadline: time("When the pool is Stalled if it has not given it back. Nobody else takes it back."),
    reason: text(63, "Image, Config or Restart."),
    protocol: count("The version of the rules by which turns are taken."),
  },
  { required: ["machine", "uid", "since", "deadline", "reason", "protocol"] },
);

const targetImage = struct(
  {
    architecture: text(63, "The processor that it is for."),
    flavour: text(63, "The flavour that it is for; without one it is for all nodes of that processor."),
    digest: digest("Its digest."),
  } satisfies Record<keyof NonNullable<NonNullable<MachinePoolStatus["target"]>["images"]>[number], Json>,
  { required: ["architecture", "digest"] },
);

const target = struct(
  {
    version: text(63, "Its version."),
    digest: digest("Its digest; of several images, that of one of them."),
    images: list(targetImage, 32, {
      description: "The image of that version for each kind of machine. A node takes that of its own, or waits.",
    }),
    kubernetes: text(63, "The version of Kubernetes in it, if the index tells."),
    channel: text(63, "The `spec.image.channel` that it was looked up for."),
    source: text(1024, "The `spec.image.source` that it was looked up in."),
    resolvedAt: time("When the index of the source said so."),
  } satisfies Record<keyof NonNullable<MachinePoolStatus["target"]>, Json>,
  { description: "The image that `spec.image` stands for.", required: ["version", "digest", "resolvedAt"] },
);

const withRollout = "has(self.spec.rollout)";

/** Rules that need the pool's own name. */
const rules: readonly Rule[] = [
  {
    rule:
      `!${withRollout} || !has(self.spec.rollout.after) || !self.spec.rollout.after.exists(a, a.pool == ` +
      "self.metadata.name)",
    message: "expected other pools; a pool cannot wait for itself",
    fieldPath: ".spec.rollout.after",
  },
  {
    rule:
      `self.metadata.name != "servers" || !${withRollout} || !has(self.spec.rollout.maxUnavailable) || ` +
      'string(self.spec.rollout.maxUnavailable) == "1"',
    message: "expected 1 for the pool `servers`; two servers that restart at once may cost the cluster its quorum",
    fieldPath: ".spec.rollout.maxUnavailable",
  },
];

export function machinePoolDefinition(): Json {
  return definition({
    ...{ kind: "MachinePool", plural: "machinepools", shortName: "kmp" },
    description: "Nodes that shall run one image, and how many of them may be disturbed at once, by whatever change.",
    rules,
    spec,
    status: struct(
      {
        observedGeneration,
        target,
        machines: count("How many nodes the pool has."),
        updated: count("How many of them run the target."),
        unavailable: count("How many of them are unavailable, for whatever reason."),
        failed: count("How many of them have given the target up."),
        turns: list(turn, 32, {
          description: "Who may be disturbed now. Each node takes and gives back its own turn.",
          key: "machine",
        }),
        conditions,
      } satisfies Record<keyof MachinePoolStatus, Json>,
      { description: "How far the pool is. Agents write it." },
    ),
    columns: [
      column("TARGET", "string", ".status.target.version", "The version that the nodes shall run."),
      column("MACHINES", "integer", ".status.machines", "How many nodes it has."),
      column("UPDATED", "integer", ".status.updated", "How many of them run the target."),
      column("UNAVAILABLE", "integer", ".status.unavailable", "How many of them are unavailable."),
      ...STATUS_COLUMNS,
      wide("WINDOW", "string", ".spec.rollout.windows[*].start", "When nodes may be disturbed."),
      wide("PAUSED", "boolean", ".spec.paused", "Whether nothing begins."),
    ],
  });
}
