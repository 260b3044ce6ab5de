/** What `./k3os up -f` starts, and what differs from what runs. */
import { resolve } from "node:path";
import type { ClusterFile, ClusterNode } from "../../cluster/index.ts";
import { withoutMachine } from "../../cluster/member.ts";
import { type Config, load, toYaml } from "../../config/index.ts";
import { K3osError } from "../../errors.ts";
import { type Cluster, type FromFile, memberConfig, nicsOf } from "../../vm/cluster.ts";
import { findMachine, type Machine, machinesOf } from "../../vm/machine.ts";
import { commandFor } from "../../vm/name.ts";
import { fileCommand } from "../machines.ts";
import { hasDisk } from "./boot.ts";
import { aloneInSqlite, freeWire, type Hardware, type Plan, type Planned, takenName } from "./plan.ts";

export interface FilePlan extends Plan {
  /** What the file says and machines do not have, each as sentences with a way out. */
  readonly notes: readonly string[];
}

export interface AskedByFile {
  /** As the user named it. */
  readonly path: string;
  readonly file: ClusterFile;
  readonly token: string;
  /** What a node gets whose `vm` does not say it. */
  readonly usual: Hardware;
}

/** The last address of the wire. */
const MOST_NODES = 254;

/** The machines of a cluster file. Throws `usage` where what exists does not fit it. */
export function planOfFile({ path, file, token, usual }: AskedByFile): FilePlan {
  const existing = machinesOf(file.name);
  const count = file.nodes.filter(({ role }) => role === "server").length;
  const before = existing.map(({ record }) => record.cluster).find((cluster) => cluster !== undefined);
  refuseMisfit(path, file, { token, count, before, existing });
  const cluster: Cluster = before ?? { wire: freeWire(), token, servers: count };
  const numbers = numbersFor(file, existing);
  const members = file.nodes.map((node) => ({
    node,
    name: `${file.name}-${node.name}`,
    number: numbers.get(node.name) ?? 0,
  }));
  const machines = new Map(members.map(({ name }) => [name, findMachine(name)]));
  const isOn = (name: string) => machines.get(name)?.state === "running";
  const servers = members.filter(({ node }) => node.role === "server");
  // Whoever has been a member before must not begin another cluster, and one without a disk has forgotten that.
  const rank = (name: string) => (isOn(name) ? 3 : hasDisk(name) ? 2 : machines.get(name) === undefined ? 0 : 1);
  const [first, ...others] = [...servers].sort((a, b) => rank(b.name) - rank(a.name));
  if (first === undefined) throw new Error("a cluster file without a server was not refused");
  const planned = (member: (typeof members)[number]): Planned => {
    const { node, name, number } = member;
    const found = machines.get(name);
    if (found !== undefined && found.record.from?.cluster !== file.name)
      throw takenName(name, "give the node or the cluster another name in the file");
    const joins = member === first ? undefined : first.number;
    const config = forMachine(node.config);
    const from: FromFile = {
      ...{ path: resolve(path), cluster: file.name, node: node.name, role: node.role, number },
      ...{ config: toYaml(config), ...(node.vm.diskMiB !== undefined && { diskMiB: node.vm.diskMiB }) },
    };
    return {
      name,
      hardware: hardwareOf(node, usual),
      ...(found?.state === "running" && { running: found }),
      config: memberConfig({ role: node.role, number }, cluster, config, joins),
      nics: nicsOf({ number }, cluster),
      cluster,
      from,
    };
  };
  const agents = members.filter(({ node }) => node.role === "agent");
  const plan = { server: planned(first), otherServers: others.map(planned), agents: agents.map(planned) };
  const all = [plan.server, ...plan.otherServers, ...plan.agents];
  return { ...plan, notes: [...all.flatMap((one) => changesOf(one, path)), ...goneFrom(file, existing, path)] };
}

interface Existing {
  readonly token: string;
  readonly count: number;
  readonly before: Cluster | undefined;
  readonly existing: readonly Machine[];
}

function refuseMisfit(path: string, file: ClusterFile, { token, count, before, existing }: Existing): void {
  const hint = `Begin anew: ${fileCommand("down", path)} --purge`;
  if (file.nodes.length > MOST_NODES) {
    throw new K3osError("usage", `${path} has ${file.nodes.length} nodes: a wire has room for ${MOST_NODES}.`);
  }
  if (before !== undefined && before.token !== token) {
    const message = `The token of ${path} is not the one that the machines of "${file.name}" were started with.`;
    throw new K3osError("usage", message, { hint: `Put it back. ${hint}` });
  }
  if (before?.servers === 1 && count > 1) throw aloneInSqlite(file.name, hint);
  const other = existing.find(({ record: { from } }) =>
    file.nodes.some(({ name, role }) => name === from?.node && role !== from.role),
  );
  if (other !== undefined) {
    const message = `The machine "${other.name}" was started as ${other.record.from?.role}, and a node keeps its role.`;
    throw new K3osError("usage", message, { hint: `Begin it anew: ${commandFor("down", other.name, "--purge")}` });
  }
}

/** The number of each node: what its machine has already, or the lowest free one. */
function numbersFor({ nodes }: ClusterFile, existing: readonly Machine[]): ReadonlyMap<string, number> {
  const numbers = new Map(existing.flatMap(({ record: { from } }) => (from ? [[from.node, from.number]] : [])));
  const taken = new Set(numbers.values());
  for (const { name } of nodes) {
    if (numbers.has(name)) continue;
    let number = 1;
    while (taken.has(number)) number++;
    numbers.set(name, number);
    taken.add(number);
  }
  return numbers;
}

function hardwareOf({ vm }: ClusterNode, usual: Hardware): Hardware {
  const { memoryMiB = usual.memoryMiB, cpus = usual.cpus, diskMiB } = vm;
  return { memoryMiB, cpus, disk: diskMiB };
}

/** The config without what is about the node's real network. */
function forMachine(config: Config): Config {
  const { network: _, k3s_args, ...k3os } = config.k3os ?? {};
  return { ...config, k3os: { ...k3os, ...(k3s_args && { k3s_args: withoutMachine(k3s_args) }) } };
}

/** What a machine that runs does not have of what the file says now. */
function changesOf({ name, running, from, hardware }: Planned, path: string): string[] {
  if (running === undefined || from === undefined) return [];
  const { record } = running;
  const changes = [
    ...changedKeys(record.from?.config ?? "", from.config),
    ...(record.memoryMiB === hardware.memoryMiB ? [] : ["vm.memory"]),
    ...(record.cpus === hardware.cpus ? [] : ["vm.cpus"]),
    ...(record.from?.diskMiB === from.diskMiB ? [] : ["vm.disk"]),
  ];
  const asDisk = hardware.disk !== undefined;
  if (asDisk !== hasDisk(name)) {
    const how = `${commandFor("down", name, "--purge")}, then ${fileCommand("up", path)}`;
    return [`${name} runs ${asDisk ? "without a disk" : "from a disk"}, unlike in the file. To begin it anew: ${how}`];
  }
  if (changes.length === 0) return [];
  const how = `${commandFor("down", name)}, then ${fileCommand("up", path)}`;
  return [`${name} runs with what the file said before of ${changes.join(", ")}. To change it: ${how}`];
}

/** The keys whose values differ, down to whole lists and maps. */
export function changedKeys(before: string, now: string): string[] {
  const [old, current] = [before, now].map((text) => load([{ name: "", kind: "system", text }]));
  const names = new Set([...Object.keys(old?.provenance ?? {}), ...Object.keys(current?.provenance ?? {})]);
  const differs = (path: string) => JSON.stringify(at(old?.config, path)) !== JSON.stringify(at(current?.config, path));
  return [...names].filter(differs).sort();
}

function at(value: unknown, path: string): unknown {
  return path.split(".").reduce((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], value);
}

/** Machines whose nodes are no longer in the file. */
function goneFrom({ nodes, name }: ClusterFile, existing: readonly Machine[], path: string): string[] {
  const gone = existing.filter(({ record }) => !nodes.some((node) => node.name === record.from?.node));
  const left = existing.find((machine) => !gone.includes(machine));
  return gone.map((machine) => {
    const node = machine.node;
    const last = left === undefined ? "" : `, then ${commandFor("kubectl", left.name, `delete node ${node}`)}`;
    const what = `${machine.name} is no node of ${path} any more`;
    return `${what}. To remove it from ${name}: ${commandFor("down", machine.name, "--purge")}${last}`;
  });
}
