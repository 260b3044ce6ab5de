/** The status of a MachineConfig: how far the nodes that it selects have come. Pure. */
import { conditionIn } from "../kubernetes/condition.ts";
import type { Machine } from "../kubernetes/machine.ts";
import type { MachineConfig } from "../kubernetes/machine-config.ts";
import { isEqual } from "../kubernetes/merge-patch.ts";
import { nodesOf } from "./budget.ts";
import type { Cluster } from "./observed.ts";
import { conditionsOf, type Verdict } from "./status.ts";

/** What it should be; `undefined` if it is that already. `now` is milliseconds since 1970. */
export function machineConfigStatus(
  config: MachineConfig,
  { nodes, machines }: Pick<Cluster, "nodes" | "machines">,
  now: number,
): MachineConfig["status"] | undefined {
  const { spec, status = {} } = config;
  const { name, generation } = config.metadata;
  const chosen = new Set(nodesOf(config, nodes).map((node) => node.metadata.name));
  const selected = machines.filter((machine) => chosen.has(machine.metadata.name));
  const isApplied = (machine: Machine) =>
    layerOf(machine, name) === generation && refusalOn(machine, name) === undefined && !isDueOn(machine, name);
  const applied = selected.filter(isApplied);
  const wanted: NonNullable<MachineConfig["status"]> = {
    ...(generation !== undefined && { observedGeneration: generation }),
    ...{ selected: selected.length, applied: applied.length },
    conditions: conditionsOf(verdictOf(name, spec, selected, applied), status.conditions, generation, now),
  };
  return isEqual(wanted, status) ? undefined : wanted;
}

/** The generation of the MachineConfig that a Machine goes by. */
const layerOf = ({ status }: Machine, name: string): number | undefined =>
  status?.config?.layers.find((layer) => layer.name === name)?.generation;

function verdictOf(
  name: string,
  spec: MachineConfig["spec"],
  selected: readonly Machine[],
  applied: readonly Machine[],
): Verdict {
  const progress = `it is applied on ${applied.length} of ${selected.length} Machines`;
  if (spec.paused) {
    return {
      ready: false,
      reason: "Paused",
      message: "spec.paused is true; each Machine's status.plan shows what it would do",
    };
  }
  if (selected.length === 0) return { ready: true, reason: "Applied", message: "it selects no Machine" };
  if (applied.length === selected.length) return { ready: true, reason: "Applied", message: progress };
  const others = selected.filter((machine) => !applied.includes(machine));
  const failures = others.flatMap((machine) => {
    const why = refusalOn(machine, name) ?? (isDueOn(machine, name) ? stallOf(machine) : undefined);
    return why === undefined ? [] : [`${machine.metadata.name}: ${why}`];
  });
  const [message] = failures;
  if (message !== undefined) return { ready: false, reason: "MachineFailed", message, also: "Stalled" };
  return { ready: false, reason: "Applying", message: progress, also: "Reconciling" };
}

/** Why a Machine has not taken it over. */
const refusalOn = ({ status }: Machine, name: string): string | undefined =>
  status?.config?.refused?.find((refused) => refused.name === name)?.reason;

const stallOf = (machine: Machine): string | undefined => conditionIn(machine, "Stalled")?.message;

const isDueOn = ({ status }: Machine, name: string): boolean =>
  status?.plan?.some(({ config }) => config === name) ?? false;
