import { describe, expect, it } from "vitest";
import type { Machine } from "../kubernetes/machine.ts";
import { machineConfigStatus } from "./config-status.ts";
import { machineConfig, machineOf, NOON, nodeOf } from "./testing.ts";

const nodes = [nodeOf("node-1"), nodeOf("node-2"), nodeOf("node-3", { labels: { zone: "b" } })];

function machine(name: string, generation: number | undefined, more: Partial<NonNullable<Machine["status"]>> = {}) {
  const layers = generation === undefined ? [] : [{ name: "10-a", generation }];
  const own = machineOf(name);
  return { ...own, status: { ...own.status, config: { revision: "", desired: "", layers }, ...more } };
}

const stalled = {
  plan: [{ path: "k3os.modules", effect: "Reboot", config: "10-a" }],
  conditions: [{ type: "Stalled", status: "True", reason: "Failed", message: "no", lastTransitionTime: "" }],
} as const;

const refused = [{ name: "10-a", reason: "the Secret k3os-system/mirror is needed, and it does not exist" }];

type Row = readonly [about: string, spec: object, machines: readonly Machine[], expected: string];

const rows: readonly Row[] = [
  ["all go by it", {}, [machine("node-1", 2), machine("node-2", 2)], "2/2 Ready=True Applied"],
  [
    "one goes by an older one",
    {},
    [machine("node-1", 2), machine("node-2", 1)],
    "2/1 Ready=False Applying Reconciling",
  ],
  [
    "one has failed",
    {},
    [machine("node-1", 2), machine("node-2", 1, stalled)],
    "2/1 Ready=False MachineFailed Stalled",
  ],
  [
    "one has failed for another reason",
    {},
    [machine("node-1", 1, { ...stalled, plan: [] })],
    "1/0 Ready=False Applying Reconciling",
  ],
  [
    "one refuses it, and still goes by it as it was",
    {},
    [
      machine("node-1", 2, {
        config: { revision: "", desired: "", layers: [{ name: "10-a", generation: 2 }], refused },
      }),
    ],
    "1/0 Ready=False MachineFailed Stalled",
  ],
  [
    "a value of a Secret is new, and waits for its turn",
    {},
    [machine("node-1", 2, { plan: [{ path: "k3os.registries", effect: "Restart", config: "10-a" }] })],
    "1/0 Ready=False Applying Reconciling",
  ],
  ["it is paused", { paused: true }, [machine("node-1", undefined)], "1/0 Ready=False Paused"],
  [
    "it selects another node",
    { nodeSelector: { matchLabels: { zone: "c" } } },
    [machine("node-1", 1)],
    "0/0 Ready=True Applied",
  ],
];

describe("the status of a MachineConfig", () => {
  it.each(rows)("if %s", (_, spec, machines, expected) => {
    const config = machineConfig("10-a", {}, { generation: 2, ...spec });
    const { selected, applied, conditions = [] } = machineConfigStatus(config, { nodes, machines }, NOON) ?? {};
    const [ready, ...others] = conditions;
    const words = [
      `${selected}/${applied}`,
      `Ready=${ready?.status}`,
      ready?.reason,
      ...others.map(({ type }) => type),
    ];
    expect(words.join(" ")).toBe(expected);
  });

  it("is not written if it is as it should be", () => {
    const config = machineConfig("10-a", {}, { generation: 2 });
    const machines = [machine("node-1", 2)];
    const status = machineConfigStatus(config, { nodes, machines }, NOON);
    expect(status).toBeDefined();
    expect(
      machineConfigStatus({ ...config, ...(status && { status }) }, { nodes, machines }, NOON + 1),
    ).toBeUndefined();
  });
});
