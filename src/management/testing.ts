/** Test support: clusters as values. */
import type { Machine } from "../kubernetes/machine.ts";
import type { MachineConfig } from "../kubernetes/machine-config.ts";
import type { MachinePool, MachinePoolSpec, MachinePoolStatus, Turn } from "../kubernetes/machine-pool.ts";
import type { NodeObject } from "../kubernetes/node.ts";
import { isoTime } from "../kubernetes/time.ts";
import { PROTOCOL } from "./budget.ts";
import type { LocalState, Observed } from "./observed.ts";

/** A Sunday, at 12:00 UTC. */
export const NOON = Date.UTC(2026, 10, 29, 12);

export const digestOf = (version: string) => `sha256:${version.replaceAll(/\D/g, "").padStart(64, "0")}`;

interface NodeTraits {
  readonly ready?: boolean;
  readonly cordoned?: "by-agent" | "by-others";
  readonly server?: boolean;
  readonly etcd?: boolean;
  readonly kubernetes?: string;
  readonly bootId?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export function nodeOf(name: string, traits: NodeTraits = {}): NodeObject {
  const { ready = true, cordoned, server, etcd, kubernetes = "v1.37.2", bootId = "boot-1", labels = {} } = traits;
  return {
    metadata: {
      ...{ name, uid: `uid-${name}` },
      labels: {
        ...labels,
        ...(server && { "node-role.kubernetes.io/control-plane": "true" }),
        ...(etcd && { "node-role.kubernetes.io/etcd": "true" }),
      },
      ...(cordoned === "by-agent" && { annotations: { "k3os.io/cordoned": "" } }),
    },
    ...(cordoned !== undefined && { spec: { unschedulable: true } }),
    status: {
      conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
      nodeInfo: { kubeletVersion: kubernetes, bootID: bootId },
    },
  };
}

export function poolOf(name: string, spec: MachinePoolSpec = {}, status: MachinePoolStatus = {}): MachinePool {
  return {
    ...{ apiVersion: "k3os.io/v1alpha1", kind: "MachinePool", spec },
    metadata: { name, generation: 1, resourceVersion: "1" },
    status: { observedGeneration: 1, ...status },
  };
}

export const targetOf = (version: string) => ({ version, digest: digestOf(version), resolvedAt: isoTime(NOON) });

/** A pool that wants a version, and knows which image that is. */
export const upgrading = (version: string, spec: MachinePoolSpec = {}, status: MachinePoolStatus = {}) =>
  poolOf("agents", { image: { version }, ...spec }, { target: targetOf(version), ...status });

export function turnFor(name: string, turn: Partial<Turn> = {}): Turn {
  const times = { since: isoTime(NOON), deadline: isoTime(NOON + 3_600_000) };
  return { machine: name, uid: `uid-${name}`, ...times, reason: "Image", protocol: PROTOCOL, ...turn };
}

export function machineOf(name: string, spec: Machine["spec"] = {}, status: Machine["status"] = {}): Machine {
  const metadata = { name, generation: 1, creationTimestamp: isoTime(NOON - 86_400_000) };
  return { apiVersion: "k3os.io/v1alpha1", kind: "Machine", metadata, spec, status };
}

/** A Machine whose agent has given an image up. */
export const returnedMachine = (name: string, version: string): Machine =>
  machineOf(
    name,
    {},
    {
      target: { version, digest: digestOf(version) },
      conditions: [
        { type: "Stalled", status: "True", reason: "Returned", message: "k3s did not start", lastTransitionTime: "" },
      ],
    },
  );

export const localOf = (local: Partial<LocalState> = {}): LocalState => ({
  ...{ bootId: "boot-1", hasSlots: true, image: { version: "1.0", digest: digestOf("1.0") }, slots: [] },
  kind: { architecture: "amd64", flavour: "metal" },
  ...{ onTrial: false, refused: [] },
  ...local,
  note: { restarted: {}, retried: {}, givenUp: [], imageFrom: "agents", ...local.note },
});

/** What the agent of node-2, one of three, sees: nothing to do, and the cluster was just read. */
export function observedBy(observed: Partial<Observed> & { readonly nodes?: readonly NodeObject[] } = {}): Observed {
  const { nodes = [nodeOf("node-1"), nodeOf("node-2"), nodeOf("node-3")], ...rest } = observed;
  const pools = observed.pools ?? [poolOf("agents")];
  const summarised = Object.fromEntries(
    pools.map(({ metadata }) => [metadata.name, { at: NOON, word: "", unchanged: 0 }]),
  );
  return {
    ...{
      now: NOON,
      uptime: 0,
      clockTrusted: true,
      machine: machineOf("node-2"),
      pools,
      local: localOf(),
      wanted: {},
      parts: {},
      configs: [],
    },
    node: nodes.find(({ metadata }) => metadata.name === "node-2"),
    cluster: { at: NOON, nodes, machines: [], pools },
    memory: { poolSince: {}, setbacks: {}, summarised },
    ...rest,
  };
}

type ConfigSpec = Omit<MachineConfig["spec"], "config"> & { readonly generation?: number };

export function machineConfig(
  name: string,
  config: Readonly<Record<string, unknown>>,
  { generation = 1, ...spec }: ConfigSpec = {},
): MachineConfig {
  return {
    ...{ apiVersion: "k3os.io/v1alpha1", kind: "MachineConfig", metadata: { name, generation } },
    spec: { ...spec, config },
  };
}
