/** cluster.yaml: text → what each node is to be. Pure; nothing throws for what a user wrote. */
import { check } from "../config/check.ts";
import { type Config, load, toYaml } from "../config/index.ts";
import { mergeByKey, type Patch, withoutNulls } from "../config/merge.ts";
import { parseYaml } from "../config/parse.ts";
import type { Finding, Problem } from "../config/problem.ts";
import { schema as configSchema } from "../config/schema.ts";
import { canonical } from "../config/spelling.ts";
import { toProblems } from "../config/to-problems.ts";
import { isNothing, type Span, type Tree } from "../config/tree.ts";
import { parseDiskSize, parseMemory } from "../vm/size.ts";
import { crossFindings } from "./checks.ts";
import { type ManifestFile, manifestName, manifestProblems } from "./manifests.ts";
import type { Role } from "./member.ts";
import { type ClusterYaml, schema } from "./schema.ts";

/** What a cluster file says, checked. */
export interface ClusterFile {
  readonly name: string;
  readonly token?: string;
  readonly image: { readonly spec?: string; readonly flavour?: string; readonly lock?: string };
  /** The first server is the one that begins. */
  readonly nodes: readonly ClusterNode[];
}

export interface ClusterNode {
  readonly name: string;
  readonly role: Role;
  readonly address?: string;
  /** The node's whole config, but for what makes it a member (`asMember`). */
  readonly config: Config;
  readonly vm: { readonly memoryMiB?: number; readonly cpus?: number; readonly diskMiB?: number };
}

export interface ReadCluster {
  /** `undefined` if there are errors. */
  readonly cluster: ClusterFile | undefined;
  /** The name of the cluster, also if something else is wrong. */
  readonly name: string | undefined;
  readonly problems: readonly Problem[];
  /** An error at the place of a path such as `nodes[0].name`, for checks that depend on what the file is used for. */
  complain(path: string, message: string, hint: string): Problem;
}

/** The files that a pattern of `manifests` names, in order; none if there are none. */
export type FindManifests = (pattern: string) => readonly ManifestFile[];

/** Whether a YAML file is a cluster file, and no config.yaml. */
export function isClusterText(text: string): boolean {
  const { tree } = parseYaml(text);
  const keys = tree?.type === "dict" ? tree.entries.map(({ key }) => canonical(schema, key)) : [];
  return keys.includes("nodes") || keys.includes("config");
}

/** Reads a cluster file, which messages call `name`. */
export function readCluster(source: ManifestFile, find: FindManifests): ReadCluster {
  const { tree, findings: broken } = parseYaml(source.text);
  const { patch, findings, places, secrets } = check(tree === undefined || isNothing(tree) ? EMPTY : tree, schema);
  const file = { name: source.path, text: source.text, secrets, guess: true };
  const told = (found: readonly Finding[]) => toProblems(file, found, (w) => (w === "warning" ? "warning" : "error"));
  const spanOf = (path: string) => placeOf(path, places, tree);
  const complain = (path: string, message: string, hint: string): Problem => {
    const [problem] = told([{ weight: "error", span: spanOf(path), path, message, hint }]);
    if (problem === undefined) throw new Error(`no problem was made for ${path}`);
    return problem;
  };
  // If the structure of a file is wrong, errors about its values are guesswork.
  const name = typeof patch.name === "string" ? patch.name : undefined;
  const first = told(broken.length > 0 ? broken : findings);
  if (first.some(isError)) return { cluster: undefined, name, problems: first, complain };
  const yaml = patch as unknown as ClusterYaml;
  const manifests = (yaml.manifests ?? []).map((pattern) => find(pattern));
  const nodes = yaml.nodes.map((node) => ({ ...node, merged: merged(yaml, node, manifests.flat()) }));
  const crossed = crossFindings(yaml, manifests).map((flaw) => ({ ...flaw, span: spanOf(flaw.path) }));
  const unmerged = crossed.some(({ weight }) => weight === "error")
    ? []
    : nodes.flatMap(({ merged }, index) => mergeFindings(merged, index, spanOf));
  const problems = [...first, ...told([...crossed, ...unmerged]), ...manifests.flat().flatMap(manifestProblems)];
  if (problems.some(isError)) return { cluster: undefined, name, problems, complain };
  const { token, image = {} } = yaml;
  return {
    cluster: { name: yaml.name, ...(token !== undefined && { token }), image, nodes: nodes.map(nodeOf) },
    name,
    problems,
    complain,
  };
}

/** An empty file lacks what is needed, like any other one. */
const EMPTY: Tree = { type: "dict", entries: [], span: { start: 0, end: 0 } };

const isError = ({ severity }: Problem) => severity === "error";

type NodeYaml = ClusterYaml["nodes"][number];

/** The config of one node: that of all nodes, and its own merged into it. */
function merged(yaml: ClusterYaml, node: NodeYaml, manifests: readonly ManifestFile[]): Config {
  const { k3os, ...rest } = (yaml.config ?? {}) as Patch;
  const { k3s_args, manifests: inline, ...shared } = (k3os ?? {}) as Patch;
  const begins = yaml.nodes.find(({ role }) => role === "server")?.name === node.name;
  const files = manifests.map(({ path, text }) => ({ name: manifestName(path), content: text }));
  const common: Patch = {
    ...rest,
    k3os: {
      ...shared,
      ...(node.role === "server" && k3s_args !== undefined && { k3s_args }),
      ...(begins && (inline !== undefined || files.length > 0) && { manifests: [...((inline as []) ?? []), ...files] }),
    },
  };
  const both = mergeByKey(common, (node.config ?? {}) as Patch, configSchema);
  return { ...(withoutNulls(both, configSchema) as Config), hostname: node.name };
}

/** Two layers that are right may contradict each other. */
function mergeFindings(config: Config, index: number, spanOf: (path: string) => Span): Finding[] {
  const { problems } = load([{ name: "", kind: "system", text: toYaml(config) }], { strict: true });
  const path = `nodes[${index}].config`;
  return problems.filter(isError).map(({ path: where, message }) => ({
    ...{ weight: "error", span: spanOf(path), path },
    message: `merged with \`config\`, ${where === "" ? "it is refused" : `\`${where}\` is refused`}: ${message}`,
    hint: "let only one of the two say it",
  }));
}

function nodeOf({ name, role, address, vm, merged }: NodeYaml & { readonly merged: Config }): ClusterNode {
  return {
    ...{ name, role: role as Role, config: merged },
    ...(address !== undefined && { address }),
    vm: {
      ...(vm?.memory !== undefined && { memoryMiB: parseMemory(vm.memory) }),
      ...(vm?.cpus !== undefined && { cpus: Number(vm.cpus) }),
      ...(vm?.disk !== undefined && { diskMiB: parseDiskSize(vm.disk) }),
    },
  };
}

/** The place of a path, or of the nearest one above it. Items of lists of texts are looked up in the tree. */
function placeOf(path: string, places: ReadonlyMap<string, Span>, tree: Tree | undefined): Span {
  const found = places.get(path) ?? itemOf(path, tree)?.span;
  if (found !== undefined) return found;
  const above = path.replace(/(\.[\w-]+|\[[^\]]*\])$/, "");
  return above === path ? { start: 0, end: 0 } : placeOf(above, places, tree);
}

/** The item of a list at the top of the file, such as `manifests[0]`. */
function itemOf(path: string, tree: Tree | undefined): Tree | undefined {
  const [, key, index] = /^(\w+)\[(\d+)\]$/.exec(path) ?? [];
  if (key === undefined || tree?.type !== "dict") return undefined;
  const list = tree.entries.findLast((entry) => canonical(schema, entry.key) === key)?.value;
  return list?.type === "list" ? list.items[Number(index)] : list;
}
