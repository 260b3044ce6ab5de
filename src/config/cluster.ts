/** What a layer of the cluster, a MachineConfig, must not say. */
import type { Checked } from "./check.ts";
import type { Kind } from "./kinds.ts";
import type { Patch } from "./merge.ts";
import type { Finding } from "./problem.ts";
import { type ConfigKey, schema } from "./schema.ts";
import { isSecretName, withoutUserInfo } from "./secrets.ts";

/** Keys that belong to one node, each with the way out. */
export const NODE_ONLY = {
  hostname: "it is the name of one machine: set it in that machine's own config.yaml",
  "k3os.token": "a node needs it to join the cluster that would tell it: set it in the node's own config.yaml",
  "k3os.server_url": "a node needs it to join the cluster that would tell it: set it in the node's own config.yaml",
  "k3os.data_sources": "they are asked before the cluster is known: set it in the node's own config.yaml",
  "k3os.password": "whoever can read MachineConfigs could read it: set it in the node's own config.yaml",
  "k3os.install": "it is for the installer, which runs before there is a node",
} as const satisfies Readonly<Partial<Record<ConfigKey, string>>>;

const NOT_HERE = "a key that a MachineConfig cannot set";
const SECRET = "a secret, which whoever can read MachineConfigs could read";
const IN_THE_NODE = "keep it in the node's own config.yaml";
const IN_A_SECRET = "name a Secret in spec.secrets, or keep it in the node's own config.yaml";
/** Only because others could read it, unlike the other keys of `NODE_ONLY`. */
const PASSWORD: ConfigKey = "k3os.password";
/** Flags of k3s that say which node this is, or what it joins. */
const NODE_FLAG = /^--?(server|node-name|data-dir|config)(?=[=\s]|$)/;

interface Flaw {
  readonly path: string;
  readonly message: string;
  readonly hint: string;
  /** Whether that is only because others could read it. */
  readonly isSecret?: boolean;
}

/**
 * What is wrong with a layer because it comes from the cluster. At the paths `fromSecrets`, values may be secrets:
 * whoever reads the MachineConfig does not see them.
 */
export function clusterFindings({ patch, places }: Checked, fromSecrets: readonly string[] = []): Finding[] {
  const flaws = [...flawsIn(patch, schema, ""), ...flawsOfK3s(patch)];
  const told = flaws.filter(({ path, isSecret }) => !isSecret || !fromSecrets.includes(path));
  return told.map(({ path, message, hint }) => {
    // Items of lists and entries of maps have no place of their own.
    const above = path.replace(/(\.[\w-]+|\[[^\]]*\])$/, "");
    const span = places.get(path) ?? places.get(above) ?? { start: 0, end: 0 };
    return { weight: "error", span, path, message, hint };
  });
}

function* flawsIn(value: unknown, kind: Kind, path: string): Generator<Flaw> {
  const why = (NODE_ONLY as Readonly<Partial<Record<string, string>>>)[path];
  if (why !== undefined) yield { path, message: NOT_HERE, hint: why, isSecret: path === PASSWORD };
  else if (value === null) {
    const hint = "a MachineConfig adds to a node's config; what the node's own config.yaml says is undone there";
    yield { path, message: "expected a value, got nothing", hint };
  } else if (kind.secret) yield { path, message: SECRET, hint: IN_A_SECRET, isSecret: true };
  else if (kind.kind === "text" && hasUserInfo(String(value))) {
    yield { path, message: `a URL with ${SECRET}`, hint: IN_THE_NODE };
  } else if (kind.kind === "list") {
    for (const [index, item] of (value as unknown[]).entries()) yield* flawsIn(item, kind.item, `${path}[${index}]`);
  } else if (kind.kind === "struct" || kind.kind === "map") {
    for (const [name, inner] of Object.entries(value as Patch)) {
      const below = kind.kind === "map" ? kind.value : kind.keys[name];
      const part = /^[\w-]+$/.test(name) ? `${path === "" ? "" : "."}${name}` : `["${name}"]`;
      if (below !== undefined) yield* flawsIn(inner, below, path + part);
    }
  }
}

const hasUserInfo = (text: string): boolean => /^\w+:\/\/\S+$/.test(text) && withoutUserInfo(text) !== text;

interface K3sPart {
  readonly environment?: Readonly<Record<string, string>> | null;
  readonly k3s_args?: readonly string[] | null;
}

function* flawsOfK3s({ k3os }: Patch): Generator<Flaw> {
  const { environment, k3s_args } = (k3os ?? {}) as K3sPart;
  for (const name of Object.keys(environment ?? {})) {
    if (isSecretName(name)) yield { path: `k3os.environment.${name}`, message: SECRET, hint: IN_THE_NODE };
  }
  for (const [index, word] of (k3s_args ?? []).entries()) {
    const path = `k3os.k3s_args[${index}]`;
    const flag = /^--?[\w-]+/.exec(word)?.[0] ?? "";
    if (index === 0 && /^(server|agent)(?=\s|$)/.test(word)) {
      yield { path, message: "a role, which a MachineConfig cannot set", hint: IN_THE_NODE };
    } else if (isSecretName(flag)) yield { path, message: SECRET, hint: IN_THE_NODE };
    else if (NODE_FLAG.test(word)) {
      yield { path, message: "a flag that a MachineConfig cannot set", hint: IN_THE_NODE };
    }
  }
}
