import { describe, expect, it } from "vitest";
import type { MachinePoolSpec } from "../kubernetes/machine-pool.ts";
import { decide } from "./decide.ts";
import type { Decision } from "./decision.ts";
import type { Observed, Work } from "./observed.ts";
import {
  digestOf,
  localOf,
  machineOf,
  NOON,
  nodeOf,
  observedBy,
  poolOf,
  returnedMachine,
  targetOf,
  turnFor,
  upgrading,
} from "./testing.ts";

const HOUR = 3_600_000;

/** A pool whose target has images of two flavours, whose digests are of 1 and 2. */
const several = (version: string, one: string, two: string, spec: MachinePoolSpec = {}) => {
  const images = [one, two].map((flavour, index) => ({
    ...{ architecture: "amd64", flavour },
    digest: digestOf(`${index + 1}`),
  }));
  return upgrading(version, spec, { target: { ...targetOf(version), digest: digestOf("1"), images } });
};
/** The channel has 1.0 for cloud and metal, and 2.0 for metal. */
const onlyMetal = upgrading(
  "2.0",
  {},
  { target: { ...targetOf("2.0"), images: [{ architecture: "amd64", flavour: "metal", digest: digestOf("2.0") }] } },
);
const cloud = localOf({ kind: { architecture: "amd64", flavour: "cloud" } });
/** Later, with the cluster just read. */
const after = (time: number) => ({
  now: NOON + time,
  cluster: { at: NOON + time, nodes: [nodeOf("node-1"), nodeOf("node-2")], machines: [], pools: [onlyMetal] },
});
/** A pool whose channel was looked up at that time. */
const lookedUp = (resolvedAt: string) =>
  poolOf("agents", { image: { channel: "stable" } }, { target: { ...targetOf("1.0"), channel: "stable", resolvedAt } });
const staged = localOf({ staged: digestOf("2.0") });
/** Reads nothing of the cluster yet. */
const unread = { cluster: undefined };
const nodes = (...others: readonly ReturnType<typeof nodeOf>[]) => [nodeOf("node-2"), ...others];
const mine = turnFor("node-2");
const work: Work = {
  ...{ pool: "agents", reason: "Image", key: digestOf("2.0"), startedAt: NOON, startedUptime: 0, bootId: "boot-1" },
  ...{ drain: true, restarted: {}, image: { version: "2.0", digest: digestOf("2.0"), allowDowngrade: false } },
};
const working = (over: Partial<Work> = {}, local: Partial<Observed["local"]> = {}) =>
  localOf({ staged: digestOf("2.0"), ...local, note: { ...localOf().note, work: { ...work, ...over } } });
const onTurn = upgrading("2.0", {}, { turns: [mine] });
const cordoned = nodeOf("node-2", { cordoned: "by-agent" });
const node3 = nodeOf("node-3");
const setback = (key: string, lasting: boolean) => ({
  ...{ key, message: "no route to host", lasting, until: NOON + 60_000, times: 1 },
});
const older = { ...setback(digestOf("2.0"), true), message: "2.0 is older than 3.0, which runs" };
const memory = (over: Partial<Observed["memory"]>) => ({ ...observedBy().memory, ...over });
/** The pool is known here for so long. */
const knownFor = (milliseconds: number) => ({ memory: memory({ poolSince: { agents: NOON - milliseconds } }) });

type Row = readonly [about: string, observed: Partial<Parameters<typeof observedBy>[0]>, expected: string];

const rows: readonly Row[] = [
  ["has no Node yet", { nodes: [node3] }, "Nothing Applying: the cluster does not have this node yet"],
  ["has no Machine yet", { machine: undefined }, "CreateMachine Applying: this Machine is made"],
  // Pools.
  [
    "is in no pool",
    { pools: [], local: localOf({ note: { ...localOf().note, imageFrom: undefined } }) },
    "Nothing UpToDate: no MachinePool selects this node",
  ],
  [
    "is in two pools",
    { pools: [poolOf("a"), poolOf("b")], local: localOf({ note: { ...localOf().note, imageFrom: undefined } }) },
    "Nothing PoolConflict: more than one MachinePool selects this node: a, b",
  ],
  [
    "is selected by labels",
    {
      pools: [upgrading("2.0", { nodeSelector: { matchLabels: { zone: "b" } } })],
      local: localOf({ note: { ...localOf().note, imageFrom: undefined } }),
    },
    "Nothing UpToDate: no MachinePool selects this node",
  ],
  [
    "has a turn of a pool that it left",
    { pools: [poolOf("other", { nodeSelector: { matchLabels: { zone: "b" } } }, { turns: [mine] })] },
    "GiveTurnBack Applying: this node is not of that pool any more",
  ],
  [
    "notes that the pool chooses the image",
    { pools: [upgrading("2.0")], local: localOf({ note: { ...localOf().note, imageFrom: undefined } }) },
    "NoteImageFrom Applying: the choice of the image is noted",
  ],
  ["has nothing to do", { pools: [upgrading("1.0")] }, "Nothing UpToDate: as the pool agents wants it: 1.0"],
  [
    "is paused",
    { pools: [upgrading("2.0")], machine: machineOf("node-2", { paused: true }) },
    "Nothing Paused: spec.paused of this Machine is true",
  ],
  [
    "is in a paused pool",
    { pools: [upgrading("2.0", { paused: true })] },
    "Nothing Paused: spec.paused of the pool agents is true",
  ],
  [
    "is paused with nothing left to do",
    { pools: [upgrading("1.0", { paused: true })] },
    "Nothing UpToDate: as the pool agents wants it: 1.0",
  ],
  // Target.
  [
    "reads the cluster before it asks a channel",
    { pools: [poolOf("agents", { image: { channel: "stable" } })], ...unread },
    "ReadCluster Staging: the image of the pool is looked up",
  ],
  [
    "lets those before it ask the channel",
    { pools: [poolOf("agents", { image: { channel: "stable" } })] },
    "Nothing Staging: the image of the pool is looked up",
  ],
  [
    "asks the channel when it is the first",
    { pools: [poolOf("agents", { image: { version: "2.0" } })], nodes: nodes(node3) },
    "ResolveTarget Staging: the image of the pool is looked up",
  ],
  [
    "asks the channel when those before it did not",
    {
      pools: [poolOf("agents", { image: { version: "2.0" } })],
      memory: memory({ poolSince: { agents: NOON - 5000 } }),
    },
    "ResolveTarget Staging: the image of the pool is looked up",
  ],
  [
    "asks anew for another version",
    { pools: [upgrading("1.0", { image: { version: "2.0" } })], nodes: nodes(node3) },
    "ResolveTarget Staging: the image of the pool is looked up",
  ],
  [
    "asks anew for another channel",
    {
      pools: [poolOf("agents", { image: { channel: "beta" } }, { target: { ...targetOf("1.0"), channel: "stable" } })],
      nodes: nodes(),
    },
    "ResolveTarget Staging: the image of the pool is looked up",
  ],
  [
    "asks a channel again after an hour",
    {
      pools: [lookedUp("2026-11-29T11:00:00Z")],
      nodes: nodes(),
    },
    "ResolveTarget UpToDate: the image of the pool is looked up",
  ],
  [
    "asks again at once if the clock of whoever asked was ahead",
    { pools: [lookedUp("2027-11-29T12:00:00Z")], nodes: nodes(), ...knownFor(10_000) },
    "ResolveTarget UpToDate: the image of the pool is looked up",
  ],
  [
    "lets those go first that come first in the order of names then, too",
    { pools: [lookedUp("2027-11-29T12:00:00Z")], ...knownFor(0) },
    "Nothing UpToDate: as the pool agents wants it: 1.0",
  ],
  [
    "takes no clock for wrong that is a little ahead",
    { pools: [lookedUp("2026-11-29T12:04:00Z")], nodes: nodes(), ...knownFor(10_000) },
    "Nothing UpToDate: as the pool agents wants it: 1.0",
  ],
  [
    "takes the clock of nobody for wrong as long as its own may be",
    { pools: [lookedUp("2027-11-29T12:00:00Z")], nodes: nodes(), ...knownFor(10_000), clockTrusted: false },
    "Nothing UpToDate: as the pool agents wants it: 1.0",
  ],
  [
    "waits after a channel did not answer",
    {
      pools: [poolOf("agents", { image: { version: "2.0" } })],
      nodes: nodes(),
      memory: memory({ setbacks: { ResolveTarget: setback("agents", false) } }),
    },
    "Nothing Staging: no route to host",
  ],
  // Staging.
  ["stages without a turn", { pools: [upgrading("2.0")] }, "Stage Staging: 2.0 is fetched"],
  [
    "waits after a download broke",
    { pools: [upgrading("2.0")], memory: memory({ setbacks: { Stage: setback(digestOf("2.0"), false) } }) },
    "Nothing Staging: no route to host",
  ],
  [
    "says what only people can help with",
    { pools: [upgrading("2.0")], memory: memory({ setbacks: { Stage: setback(digestOf("2.0"), true) } }) },
    "Nothing Failed: no route to host",
  ],
  [
    "tries another image at once",
    { pools: [upgrading("2.0")], memory: memory({ setbacks: { Stage: setback(digestOf("1.9"), true) } }) },
    "Stage Staging: 2.0 is fetched",
  ],
  [
    "takes no older image",
    { pools: [upgrading("0.9")] },
    "Nothing Failed: 0.9 is older than 1.0, which runs; allow it by spec.image.allowDowngrade of the pool",
  ],
  [
    "takes an older image if told so",
    { pools: [upgrading("0.9", { image: { version: "0.9", allowDowngrade: true } })] },
    "Stage Staging: 0.9 is fetched",
  ],
  [
    "does not try again what was given up",
    {
      pools: [upgrading("2.0")],
      local: localOf({ refused: [{ key: digestOf("2.0"), message: "k3s did not start", at: 0 }] }),
    },
    "Nothing Returned: 2.0 was given up here: k3s did not start",
  ],
  [
    "forgets what was given up when told so",
    {
      pools: [upgrading("2.0", { retry: "1" })],
      local: localOf({ refused: [{ key: digestOf("2.0"), message: "k3s did not start", at: 0 }] }),
    },
    "Forget Applying: what was given up is forgotten",
  ],
  [
    "stages the image of its own flavour",
    { pools: [several("2.0", "cloud", "metal")] },
    "Stage Staging: 2.0 is fetched",
  ],
  [
    "runs the image of its own flavour",
    { pools: [several("2.0", "cloud", "metal")], local: localOf({ image: { version: "2.0", digest: digestOf("2") } }) },
    "Nothing UpToDate: as the pool agents wants it: 2.0",
  ],
  [
    "has an image of another flavour staged",
    { pools: [several("2.0", "cloud", "metal")], local: localOf({ staged: digestOf("1") }) },
    "Stage Staging: 2.0 is fetched",
  ],
  [
    "has no image of its flavour",
    { pools: [several("2.0", "cloud", "rpi")] },
    "Nothing WaitingForImage: the channel of the pool has no 2.0 for amd64 metal, but for amd64 cloud, amd64 rpi",
  ],
  [
    "has no image of its flavour, where only one kind has one of that version",
    { pools: [onlyMetal], local: cloud },
    "Nothing WaitingForImage: the channel of the pool has no 2.0 for amd64 cloud, but for amd64 metal",
  ],
  ["has the only image of that version", { pools: [onlyMetal] }, "Stage Staging: 2.0 is fetched"],
  [
    "looks for an image of its kind again after an hour, also with a version",
    { pools: [onlyMetal], local: cloud, ...after(HOUR + 60_000) },
    "ResolveTarget WaitingForImage: the image of the pool is looked up",
  ],
  [
    "does not look up a version again that it has an image of",
    { pools: [onlyMetal], ...after(HOUR + 60_000) },
    "Stage Staging: 2.0 is fetched",
  ],
  [
    "takes a config while its kind has no image",
    { pools: [onlyMetal], local: cloud, wanted: { config: { revision: "r", effect: "Restart" } } },
    "TakeTurn WaitingForTurn: it takes its turn",
  ],
  [
    "runs in memory",
    { pools: [upgrading("2.0")], local: localOf({ hasSlots: false }) },
    "Nothing Failed: this node does not run from a disk, so it has no slot to upgrade",
  ],
  [
    "runs from the slot that is not good",
    { pools: [upgrading("2.0")], local: localOf({ hindrance: "slot b runs" }) },
    "Nothing Failed: slot b runs",
  ],
  // Gates.
  [
    "waits for approval",
    { pools: [upgrading("2.0", { approval: "Manual", approved: digestOf("1.0") })], local: staged },
    `Nothing WaitingForApproval: 2.0 waits for spec.approved: ${digestOf("2.0")}`,
  ],
  [
    "waits for approval of a target with several images",
    {
      pools: [several("2.0", "cloud", "metal", { approval: "Manual", approved: digestOf("1.0") })],
      local: localOf({ staged: digestOf("2") }),
    },
    `Nothing WaitingForApproval: 2.0 waits for spec.approved: ${digestOf("1")}`,
  ],
  [
    "goes on when the target is approved by the image of another kind",
    {
      pools: [several("2.0", "cloud", "metal", { approval: "Manual", approved: digestOf("1") })],
      local: localOf({ staged: digestOf("2") }),
    },
    "TakeTurn WaitingForTurn: it takes its turn",
  ],
  [
    "goes on when the target is approved by the image of its kind",
    {
      pools: [several("2.0", "cloud", "metal", { approval: "Manual", approved: digestOf("2") })],
      local: localOf({ staged: digestOf("2") }),
    },
    "TakeTurn WaitingForTurn: it takes its turn",
  ],
  [
    "goes on when it is approved",
    { pools: [upgrading("2.0", { approval: "Manual", approved: digestOf("2.0") })], local: staged },
    "TakeTurn WaitingForTurn: it takes its turn",
  ],
  [
    "waits for its window",
    { pools: [upgrading("2.0")], local: staged, window: { start: NOON + 3_600_000, end: NOON + 7_200_000 } },
    "Nothing WaitingForWindow: the next window opens at 2026-11-29 13:00 UTC",
  ],
  [
    "goes on in its window",
    { pools: [upgrading("2.0")], local: staged, window: { start: NOON - 1, end: NOON + 1 } },
    "TakeTurn WaitingForTurn: it takes its turn",
  ],
  [
    "opens no window while the clock may be wrong",
    { pools: [upgrading("2.0")], local: staged, clockTrusted: false, window: { start: NOON - 1, end: NOON + 1 } },
    "Nothing WaitingForWindow: no window is open while the clock is not known to be right",
  ],
  // Order.
  [
    "waits for a pool that is not there",
    { pools: [upgrading("2.0", { rollout: { after: [{ pool: "servers" }] } })], local: staged },
    "Nothing Staged: the pool servers, which comes first, does not exist",
  ],
  ...(
    [
      [
        "waits for a pool that is not Ready",
        {},
        "False",
        1,
        "",
        "Nothing Staged: the pool servers comes first, and is not Ready",
      ],
      [
        "waits for a pool whose status is old",
        {},
        "True",
        0,
        "",
        "Nothing Staged: the pool servers comes first, and is not Ready",
      ],
      [
        "waits for a pool at an older version",
        { target: targetOf("1.0") },
        "True",
        1,
        "",
        "Nothing Staged: the pool servers comes first, and is at 1.0",
      ],
      [
        "waits while a pool soaks",
        { target: targetOf("2.0") },
        "True",
        1,
        "24h",
        "Nothing Staged: the pool servers must have been Ready for 24h",
      ],
      [
        "goes on after the other pool",
        { target: targetOf("2.0") },
        "True",
        1,
        "",
        "TakeTurn WaitingForTurn: it takes its turn",
      ],
      [
        "goes on when the other pool has soaked",
        { target: targetOf("2.0") },
        "True",
        1,
        "1h",
        "TakeTurn WaitingForTurn: it takes its turn",
      ],
    ] as const
  ).map(([about, status, ready, observedGeneration, soak, expected]): Row => {
    const condition = {
      type: "Ready",
      status: ready,
      reason: "",
      message: "",
      lastTransitionTime: "2026-11-29T10:30:00Z",
    } as const;
    const first = poolOf(
      "servers",
      { nodeSelector: { matchLabels: { role: "server" } }, image: { version: "2.0" } },
      { ...status, observedGeneration, conditions: [condition] },
    );
    const after = [{ pool: "servers", ...(soak && { soak }) }];
    const second = upgrading("2.0", { rollout: { after } });
    return [
      about,
      {
        pools: [second, first],
        local: staged,
        memory: memory({
          summarised: { agents: { at: NOON, word: "", unchanged: 0 }, servers: { at: NOON, word: "", unchanged: 0 } },
        }),
      },
      expected,
    ];
  }),
  [
    "waits for the servers' Kubernetes",
    {
      pools: [upgrading("2.0", {}, { target: { ...targetOf("2.0"), kubernetes: "v1.38.0" } })],
      local: staged,
      nodes: nodes(nodeOf("node-9", { server: true })),
    },
    "Nothing Staged: servers must run Kubernetes 1.38 first: node-9",
  ],
  [
    "goes on when the servers are at that minor",
    {
      pools: [upgrading("2.0", {}, { target: { ...targetOf("2.0"), kubernetes: "v1.37.9" } })],
      local: staged,
      nodes: nodes(nodeOf("node-9", { server: true })),
    },
    "TakeTurn WaitingForTurn: it takes its turn",
  ],
  [
    "is a server itself",
    {
      pools: [upgrading("2.0", {}, { target: { ...targetOf("2.0"), kubernetes: "v1.38.0" } })],
      local: staged,
      nodes: [nodeOf("node-2", { server: true })],
    },
    "TakeTurn WaitingForTurn: it takes its turn",
  ],
  // Turns.
  [
    "reads the cluster before it takes a turn",
    { pools: [upgrading("2.0")], local: staged, ...unread },
    "ReadCluster WaitingForTurn: the other nodes are looked at",
  ],
  [
    "does not go by what it read long ago",
    { pools: [upgrading("2.0")], local: staged, cluster: { at: NOON - 60_000, nodes: [], machines: [], pools: [] } },
    "ReadCluster WaitingForTurn: the other nodes are looked at",
  ],
  [
    "waits while another has its turn",
    { pools: [upgrading("2.0", {}, { turns: [turnFor("node-3")] })], local: staged },
    "Nothing WaitingForTurn: at most 1 of the pool agents may be unavailable: node-3 has its turn",
  ],
  [
    "does not count a Node that is gone",
    { pools: [upgrading("2.0", {}, { turns: [turnFor("node-7")] })], local: staged },
    "TakeTurn WaitingForTurn: it takes its turn",
  ],
  [
    "does not count a Node that was made anew",
    { pools: [upgrading("2.0", {}, { turns: [turnFor("node-3", { uid: "old" })] })], local: staged },
    "TakeTurn WaitingForTurn: it takes its turn",
  ],
  [
    "waits while another is not Ready",
    { pools: [upgrading("2.0")], local: staged, nodes: nodes(nodeOf("node-3", { ready: false })) },
    "Nothing WaitingForTurn: at most 1 of the pool agents may be unavailable: node-3 is not Ready",
  ],
  [
    "waits while another is cordoned",
    { pools: [upgrading("2.0")], local: staged, nodes: nodes(nodeOf("node-3", { cordoned: "by-others" })) },
    "Nothing WaitingForTurn: at most 1 of the pool agents may be unavailable: node-3 is cordoned",
  ],
  [
    "does not count itself",
    { pools: [upgrading("2.0")], local: staged, nodes: [nodeOf("node-2", { ready: false }), node3] },
    "TakeTurn WaitingForTurn: it takes its turn",
  ],
  [
    "goes beside another where two may",
    {
      pools: [upgrading("2.0", { rollout: { maxUnavailable: 2 } })],
      local: staged,
      nodes: nodes(nodeOf("node-3", { ready: false })),
    },
    "TakeTurn WaitingForTurn: it takes its turn",
  ],
  [
    "rounds a percentage down, to one at least",
    {
      pools: [upgrading("2.0", { rollout: { maxUnavailable: "50%" } })],
      local: staged,
      nodes: nodes(nodeOf("node-3", { ready: false }), nodeOf("node-4")),
    },
    "Nothing WaitingForTurn: at most 1 of the pool agents may be unavailable: node-3 is not Ready",
  ],
  [
    "keeps the servers' majority, whatever the pool",
    {
      pools: [upgrading("2.0", { nodeSelector: { matchLabels: { ring: "1" } }, rollout: { maxUnavailable: 3 } })],
      ...{
        local: staged,
        nodes: [
          nodeOf("node-2", { server: true, labels: { ring: "1" } }),
          nodeOf("node-8", { server: true }),
          nodeOf("node-9", { server: true, ready: false }),
        ],
      },
    },
    "Nothing WaitingForTurn: at most 1 of the servers may be unavailable: node-9 is not Ready",
  ],
  [
    "waits in a pool in which a Machine has failed",
    {
      pools: [upgrading("2.0")],
      local: staged,
      cluster: {
        at: NOON,
        nodes: nodes(node3),
        pools: [upgrading("2.0")],
        machines: [returnedMachine("node-3", "2.0")],
      },
    },
    "Nothing WaitingForTurn: the pool is stalled: node-3: k3s did not start",
  ],
  [
    "goes on with another target",
    {
      pools: [upgrading("2.0")],
      local: staged,
      cluster: {
        at: NOON,
        nodes: nodes(node3),
        pools: [upgrading("2.0")],
        machines: [returnedMachine("node-3", "1.9")],
      },
    },
    "TakeTurn WaitingForTurn: it takes its turn",
  ],
  [
    "waits when another did not come back in time",
    {
      pools: [
        upgrading(
          "2.0",
          { rollout: { maxUnavailable: 2 } },
          { turns: [turnFor("node-3", { deadline: "2026-11-29T11:59:00Z" })] },
        ),
      ],
      local: staged,
    },
    "Nothing WaitingForTurn: the pool is stalled: node-3 has not come back from its turn by 2026-11-29T11:59:00Z; delete its Node if it never will",
  ],
  [
    "waits for agents with newer rules",
    {
      pools: [upgrading("2.0", { rollout: { maxUnavailable: 2 } }, { turns: [turnFor("node-3", { protocol: 2 })] })],
      local: staged,
    },
    "Nothing WaitingForTurn: node-3 takes turns by newer rules than this agent knows",
  ],
  // With a turn, before anything was done.
  [
    "makes sure of its turn",
    { pools: [onTurn], local: staged, ...unread },
    "ReadCluster WaitingForTurn: the other nodes are looked at",
  ],
  ["begins", { pools: [onTurn], local: staged }, "Begin Draining: its turn begins"],
  [
    "gives it back when another came first",
    { pools: [onTurn], local: staged, nodes: nodes(nodeOf("node-1", { ready: false })) },
    "GiveTurnBack WaitingForTurn: at most 1 of the pool agents may be unavailable: node-1 is not Ready",
  ],
  [
    "waits for those that come after it to give theirs back",
    { pools: [upgrading("2.0", {}, { turns: [mine, turnFor("node-3")] })], local: staged },
    "Nothing WaitingForTurn: at most 1 of the pool agents may be unavailable: node-3 has its turn",
  ],
  [
    "gives it back to those that come before it",
    { pools: [upgrading("2.0", {}, { turns: [mine, turnFor("node-1")] })], local: staged },
    "GiveTurnBack WaitingForTurn: at most 1 of the pool agents may be unavailable: node-1 has its turn",
  ],
  [
    "gives it back when it is paused",
    { pools: [{ ...onTurn, spec: { ...onTurn.spec, paused: true } }], local: staged },
    "GiveTurnBack Paused: spec.paused of the pool agents is true",
  ],
  [
    "gives it back when the window has closed",
    { pools: [onTurn], local: staged, window: { start: NOON + 1000, end: NOON + 2000 } },
    "GiveTurnBack WaitingForWindow: the next window opens at 2026-11-29 12:00 UTC",
  ],
  [
    "gives it back when there is nothing to do",
    { pools: [upgrading("1.0", {}, { turns: [mine] })] },
    "GiveTurnBack UpToDate: as the pool agents wants it: 1.0",
  ],
  [
    "removes a cordon that it forgot",
    { pools: [upgrading("1.0")], nodes: [cordoned, node3] },
    "Uncordon Applying: the cordon is removed",
  ],
  [
    "leaves the cordon of others alone",
    { pools: [upgrading("1.0")], nodes: [nodeOf("node-2", { cordoned: "by-others" })] },
    "Nothing UpToDate: as the pool agents wants it: 1.0",
  ],
  // In its turn.
  ["cordons", { pools: [onTurn], local: working() }, "Cordon Draining: the node is cordoned"],
  [
    "drains",
    { pools: [onTurn], local: working(), nodes: [cordoned, node3] },
    "Drain Draining: its pods leave the node",
  ],
  [
    "drains behind the cordon of others",
    { pools: [onTurn], local: working(), nodes: [nodeOf("node-2", { cordoned: "by-others" })] },
    "Drain Draining: its pods leave the node",
  ],
  [
    "says what hinders it",
    {
      pools: [onTurn],
      local: working(),
      nodes: [cordoned],
      memory: memory({ draining: "default/web (PodDisruptionBudget web)" }),
    },
    "Drain Draining: default/web (PodDisruptionBudget web)",
  ],
  [
    "gives up a drain that takes too long",
    {
      pools: [onTurn],
      local: working({ startedUptime: 20_000 }),
      uptime: 621_000,
      memory: memory({ draining: "default/web (PodDisruptionBudget web)" }),
      nodes: [nodeOf("node-2", { cordoned: "by-others" })],
    },
    "End Failed: its pods did not leave it within 10m: default/web (PodDisruptionBudget web)",
  ],
  [
    "does not take a clock that was set ahead for the time of the drain",
    {
      pools: [onTurn],
      local: working({ startedAt: NOON - 86_400_000, startedUptime: 20_000 }),
      uptime: 40_000,
      nodes: [cordoned],
    },
    "Drain Draining: its pods leave the node",
  ],
  [
    "does not take a clock that was set back for it either",
    {
      pools: [onTurn],
      local: working({ startedAt: NOON + 86_400_000, startedUptime: 20_000 }),
      uptime: 40_000,
      nodes: [cordoned],
    },
    "Drain Draining: its pods leave the node",
  ],
  [
    "does not cordon again what it gave up",
    { pools: [onTurn], local: working(), uptime: 601_000 },
    "End Failed: its pods did not leave it within 10m: its pods leave the node",
  ],
  [
    "undoes its cordon first",
    { pools: [onTurn], local: working(), uptime: 601_000, nodes: [cordoned] },
    "Uncordon Failed: its pods did not leave it within 10m: its pods leave the node",
  ],
  [
    "blames no pods for the time that the node was without power, and takes another turn",
    { pools: [onTurn], local: working({ startedAt: NOON - 3_600_000, bootId: "boot-0" }), nodes: [cordoned] },
    "Uncordon WaitingForTurn: it has restarted before its pods left it",
  ],
  [
    "gives that turn back, and nothing up",
    { pools: [onTurn], local: working({ startedAt: NOON - 3_600_000, bootId: "boot-0" }) },
    "End WaitingForTurn: it has restarted before its pods left it",
  ],
  [
    "begins a drain anew whose beginning the clock, which was ahead, has noted for a later day",
    { pools: [onTurn], local: working({ startedAt: NOON + 86_400_000, bootId: "boot-0" }) },
    "End WaitingForTurn: the clock was set back, and its turn begins anew",
  ],
  [
    "activates without a drain",
    { pools: [onTurn], local: working({ drain: false }) },
    "Activate Restarting: the node restarts into 2.0",
  ],
  [
    "activates after the drain",
    { pools: [onTurn], local: working({ drained: true }), nodes: [cordoned] },
    "Activate Restarting: the node restarts into 2.0",
  ],
  [
    "activates again if it was killed meanwhile",
    { pools: [], local: working({ stopping: true }), nodes: [cordoned] },
    "Activate Restarting: the node restarts into 2.0",
  ],
  [
    "stops when it is paused",
    { pools: [{ ...onTurn, spec: { ...onTurn.spec, paused: true } }], local: working(), nodes: [cordoned] },
    "Uncordon Paused: spec.paused of the pool agents is true",
  ],
  [
    "stops when somebody took its turn away",
    { pools: [upgrading("2.0")], local: working() },
    "End WaitingForTurn: this node has no turn any more",
  ],
  [
    "stops when something else is wanted",
    { pools: [upgrading("3.0", {}, { turns: [mine] })], local: working() },
    "End Staged: something else is wanted now",
  ],
  // The trial, and after it.
  [
    "waits for the trial",
    {
      pools: [onTurn],
      local: working({ stopping: true, bootId: "boot-0" }, { onTrial: true }),
      nodes: [nodeOf("node-2", { cordoned: "by-agent", bootId: "boot-0" })],
    },
    "Nothing OnTrial: 1.0 is on trial",
  ],
  [
    "uncordons in the trial, for the checks",
    { pools: [onTurn], local: working({ stopping: true, bootId: "boot-0" }, { onTrial: true }), nodes: [cordoned] },
    "Uncordon OnTrial: 1.0 is on trial",
  ],
  [
    "ends when it was kept",
    {
      pools: [onTurn],
      local: working({ stopping: true, bootId: "boot-0" }, { image: { version: "2.0", digest: digestOf("2.0") } }),
    },
    "End OnTrial: 2.0 was kept",
  ],
  [
    "ends when it came back",
    {
      pools: [onTurn],
      nodes: [cordoned],
      local: working(
        { stopping: true, bootId: "boot-0" },
        { refused: [{ key: digestOf("2.0"), message: "k3s did not start", at: 1 }] },
      ),
    },
    "Uncordon Returned: k3s did not start",
  ],
  [
    "ends only when it is Ready in this boot",
    {
      pools: [onTurn],
      nodes: [nodeOf("node-2", { bootId: "boot-0" })],
      local: working({ stopping: true, bootId: "boot-0" }, { image: { version: "2.0", digest: digestOf("2.0") } }),
    },
    "Nothing OnTrial: 2.0 was kept; the node is not Ready yet",
  ],
  [
    "gives its turn back then",
    { pools: [onTurn], local: localOf({ image: { version: "2.0", digest: digestOf("2.0") } }) },
    "GiveTurnBack UpToDate: as the pool agents wants it: 2.0",
  ],
  [
    "tries once more what was never tried",
    { pools: [onTurn], local: working({ drained: true, stopping: true, bootId: "boot-0" }) },
    "Activate Restarting: the node restarts into 2.0",
  ],
  [
    "does not try it once more without a turn",
    { pools: [upgrading("2.0")], local: working({ drained: true, stopping: true, bootId: "boot-0" }) },
    "End WaitingForTurn: this node has no turn any more",
  ],
  [
    "does not try it once more if the pool was paused meanwhile",
    {
      pools: [{ ...onTurn, spec: { ...onTurn.spec, paused: true } }],
      local: working({ drained: true, stopping: true, bootId: "boot-0" }),
    },
    "End Paused: spec.paused of the pool agents is true",
  ],
  [
    "gives up after a restart what cannot be tried any more",
    {
      pools: [onTurn],
      local: working({ drained: true, stopping: true, bootId: "boot-0" }),
      memory: memory({ setbacks: { Activate: older } }),
    },
    "End Failed: 2.0 is older than 3.0, which runs",
  ],
  [
    "only waits in the boot in which it was told to restart",
    { pools: [onTurn], local: working({ stopping: true }), memory: memory({ setbacks: { Activate: older } }) },
    "Nothing Restarting: 2.0 is older than 3.0, which runs",
  ],
  // Restarts.
  [
    "takes a turn for a restart of its pool",
    {
      pools: [poolOf("agents", { restartedAt: "2026-11-29T11:00:00Z" })],
      local: localOf({ note: { ...localOf().note, imageFrom: undefined } }),
    },
    "TakeTurn WaitingForTurn: it takes its turn",
  ],
  [
    "takes a turn for its own restart",
    {
      machine: machineOf("node-2", { restartedAt: "2026-11-29T11:00:00Z" }),
      local: localOf({ note: { ...localOf().note, imageFrom: undefined } }),
    },
    "TakeTurn WaitingForTurn: it takes its turn",
  ],
  [
    "does not restart for a time before it joined",
    {
      pools: [poolOf("agents", { restartedAt: "2026-11-20T11:00:00Z" })],
      local: localOf({ note: { ...localOf().note, imageFrom: undefined } }),
    },
    "Nothing UpToDate: as the pool agents wants it",
  ],
  [
    "restarts once",
    {
      pools: [poolOf("agents", { restartedAt: "2026-11-29T11:00:00Z" })],
      local: localOf({
        note: { ...localOf().note, imageFrom: undefined, restarted: { pool: "2026-11-29T11:00:00Z" } },
      }),
    },
    "Nothing UpToDate: as the pool agents wants it",
  ],
  [
    "restarts",
    {
      pools: [poolOf("agents", { restartedAt: "2026-11-29T11:00:00Z" }, { turns: [mine] })],
      local: working({ reason: "Restart", key: "2026-11-29T11:00:00Z", drain: false, image: undefined }),
    },
    "Restart Restarting: the node restarts",
  ],
  [
    "does not try a restart again that it gave up",
    {
      pools: [poolOf("agents", { restartedAt: "2026-11-29T11:00:00Z" })],
      local: localOf({
        note: {
          ...localOf().note,
          imageFrom: undefined,
          givenUp: [{ key: "2026-11-29T11:00:00Z", message: "its pods did not leave it", at: 0 }],
        },
      }),
    },
    "Nothing Failed: its pods did not leave it",
  ],
  [
    "restarts for another time then",
    {
      pools: [poolOf("agents", { restartedAt: "2026-11-29T11:00:00Z" })],
      machine: machineOf("node-2", { restartedAt: "2026-11-29T11:30:00Z" }),
      local: localOf({
        note: {
          ...localOf().note,
          imageFrom: undefined,
          givenUp: [{ key: "2026-11-29T11:00:00Z", message: "its pods did not leave it", at: 0 }],
        },
      }),
    },
    "TakeTurn WaitingForTurn: it takes its turn",
  ],
  [
    "does not try a config again that it gave up",
    {
      wanted: { config: { revision: "r", effect: "Restart" } },
      local: localOf({
        note: {
          ...localOf().note,
          imageFrom: undefined,
          givenUp: [{ key: "r", message: "its pods did not leave it", at: 0 }],
        },
      }),
    },
    "Nothing Failed: its pods did not leave it",
  ],
  [
    "has restarted",
    {
      pools: [poolOf("agents", {}, { turns: [mine] })],
      local: working({ reason: "Restart", key: "2026-11-29T11:00:00Z", bootId: "boot-0" }),
    },
    "End Restarting: the node has restarted",
  ],
  // Config.
  [
    "applies at once what can be",
    {
      wanted: { config: { revision: "r", effect: "Live" } },
      local: localOf({ note: { ...localOf().note, imageFrom: undefined } }),
    },
    "ApplyLive Applying: the config is applied",
  ],
  [
    "takes a turn for a restart of k3s",
    {
      wanted: { config: { revision: "r", effect: "Restart" } },
      local: localOf({ note: { ...localOf().note, imageFrom: undefined } }),
    },
    "TakeTurn WaitingForTurn: it takes its turn",
  ],
  [
    "restarts k3s without a drain",
    {
      pools: [poolOf("agents", {}, { turns: [mine] })],
      wanted: { config: { revision: "r", effect: "Restart" } },
      local: working({ reason: "Config", key: "r", drain: false }),
    },
    "RestartK3s Applying: k3s restarts",
  ],
  [
    "does not take a config for applied that has changed before its turn came to it",
    {
      pools: [poolOf("agents", {}, { turns: [mine] })],
      wanted: { config: { revision: "r2", effect: "Restart" } },
      parts: { config: { revision: "", desired: "r2", layers: [] } },
      local: working({ reason: "Config", key: "r", drain: false }),
    },
    "End Staged: something else is wanted now",
  ],
  [
    "ends when the config is applied, also if another one is wanted by then",
    {
      pools: [poolOf("agents", {}, { turns: [mine] })],
      wanted: { config: { revision: "r2", effect: "Restart" } },
      parts: { config: { revision: "r", desired: "r2", layers: [] } },
      local: working({ reason: "Config", key: "r", drain: false }),
    },
    "End Applying: the config is applied",
  ],
  [
    "ends after the restart for a config that was taken back, and that nobody wants any more",
    {
      pools: [poolOf("agents", {}, { turns: [mine] })],
      parts: { config: { revision: "", desired: "", layers: [] } },
      local: working({ reason: "Config", key: "r", drain: false, stopping: true, bootId: "boot-0" }),
    },
    "End Applying: something else is wanted now",
  ],
  [
    "takes no turn for a config that takes a boot while the version before runs by hand",
    {
      wanted: { config: { revision: "r", effect: "Reboot" } },
      local: localOf({ hindrance: "this boot runs from slot a", note: { ...localOf().note, imageFrom: undefined } }),
    },
    "Nothing Failed: this boot runs from slot a",
  ],
  [
    "refuses what a config may not do",
    {
      wanted: { config: { revision: "r", effect: "Reboot", refused: "atMost: Restart" } },
      local: localOf({ note: { ...localOf().note, imageFrom: undefined } }),
    },
    "Nothing Failed: atMost: Restart",
  ],
];

const shown = ({ action, reason, message }: Decision) => `${action.kind} ${reason}: ${message}`;

describe("an agent", () => {
  it.each(rows)("%s", (_, observed, expected) => {
    const decision = decide(observedBy(observed));
    expect(shown(decision)).toBe(expected);
    // It never spins.
    if (decision.action.kind === "Nothing") expect(decision.again).toBeGreaterThanOrEqual(1000);
  });

  it("drains only where another node can take the pods, unless it is told otherwise", () => {
    const drain = (mode: "Auto" | "Always" | "Never" | undefined, ...others: readonly ReturnType<typeof nodeOf>[]) => {
      const pool = upgrading(
        "2.0",
        { rollout: { maxUnavailable: 9, ...(mode && { drain: { mode } }) } },
        { turns: [mine] },
      );
      const { action } = decide(observedBy({ pools: [pool], local: staged, nodes: nodes(...others) }));
      return action.kind === "Begin" && action.work.drain;
    };
    expect(drain(undefined, node3)).toBe(true);
    expect(drain("Auto")).toBe(false);
    expect(drain("Auto", nodeOf("node-3", { ready: false }), nodeOf("node-4", { cordoned: "by-others" }))).toBe(false);
    expect(drain("Never", node3)).toBe(false);
    expect(drain("Always")).toBe(true);
  });

  it("takes a turn that lasts for the drain, the trial and two restarts", () => {
    const pool = upgrading("2.0", { trial: { deadline: "20m" }, rollout: { drain: { timeout: "5m" } } });
    const { action } = decide(observedBy({ pools: [pool], local: staged }));
    expect(action).toMatchObject({
      kind: "TakeTurn",
      turn: { machine: "node-2", uid: "uid-node-2", since: "2026-11-29T12:00:00Z", deadline: "2026-11-29T12:40:00Z" },
    });
    const { trial: _, ...spec } = pool.spec;
    const wanted = { deadline: "1h" };
    const ofNode = decide(observedBy({ pools: [{ ...pool, spec }], local: staged, wanted }));
    expect(ofNode.action).toMatchObject({ turn: { deadline: "2026-11-29T13:20:00Z" } });
  });

  it("answers every restart that was asked for by one restart", () => {
    const pool = upgrading("2.0", { restartedAt: "2026-11-29T11:00:00Z" }, { turns: [mine] });
    const machine = machineOf("node-2", { restartedAt: "2026-11-29T11:30:00Z" });
    expect(decide(observedBy({ pools: [pool], local: staged, machine })).action).toMatchObject({
      kind: "Begin",
      work: { restarted: { pool: "2026-11-29T11:00:00Z", machine: "2026-11-29T11:30:00Z" } },
    });
  });
});
