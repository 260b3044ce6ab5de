/** The plan of a config: the steps that apply it, as data, in order. */
import { base64, fromUtf8, latin1 } from "./bytes.ts";
import { isStaticOnly, nameserversOf } from "./network/dns.ts";
import { keySteps } from "./planning/keys.ts";
import { manifestStep } from "./planning/manifests.ts";
import { proxyVariables } from "./planning/proxy.ts";
import { passwordStep, userSteps } from "./planning/users.ts";
import type { Config, ConfigFile } from "./schema.ts";
import { isSecretName, withoutUserInfo } from "./secrets.ts";
import { ENVIRONMENT, environmentText } from "./steps/environment.ts";
import type { CommandList, Phase, Step } from "./steps/step.ts";
import { ENCODINGS, REMOVED_FLAGS, splitsIntoWords } from "./values.ts";
import { yamlText } from "./yaml-text.ts";

/** What the plan needs to know about the node. */
export interface Facts {
  /** `live`, `disk`, `local` … */
  readonly mode: string;
  /** Version of the image. */
  readonly version: string;
  /** The node's name in Kubernetes. The host name may have changed since. */
  readonly nodeName?: string;
}

/** The user that people log in as. */
const USER = "rancher";

/** All steps of a config. `pending` leaves out those that are already done. */
export function plan(config: Config, facts: Facts): readonly Step[] {
  const { k3os = {} } = config;
  const environment = { ...proxyVariables(config), ...k3os.environment };
  const k3s = k3sStep(config, environment, facts);
  const open = withoutSecrets(environment);
  return [
    ...commands("init", "init_cmd", config),
    ...(k3os.modules ?? []).map(moduleStep),
    ...(k3os.mounts ?? []).map(
      ({ format = false, ...mount }) => ({ phase: "boot", kind: "mount", format, ...mount }) satisfies Step,
    ),
    ...Object.entries(k3os.sysctls ?? {}).map(
      ([key, value]) => ({ phase: "boot", kind: "sysctl", key, value }) satisfies Step,
    ),
    ...(config.hostname === undefined ? [] : [{ phase: "boot", kind: "hostname", name: config.hostname } as const]),
    ...(k3os.timezone === undefined ? [] : [{ phase: "boot", kind: "timezone", zone: k3os.timezone } as const]),
    ...dnsStep(k3os),
    ...(k3os.network === undefined ? [] : [{ phase: "boot", kind: "network", network: k3os.network } as const]),
    ...listStep(k3os.wifi, (networks) => ({ phase: "boot", kind: "wifi", networks })),
    ...listStep(k3os.ntp_servers, (servers) => ({ phase: "boot", kind: "ntp", servers })),
    ...(k3os.password === undefined ? [] : [passwordStep(USER, k3os.password)]),
    ...keySteps(USER, config.ssh_authorized_keys ?? []),
    ...(k3os.users ?? []).flatMap(userSteps),
    k3s,
    ...(k3os.registries === undefined
      ? []
      : [{ phase: "boot", kind: "registries", content: yamlText(k3os.registries) } as const]),
    // An agent has no directory for manifests.
    ...(k3s.role === "server" ? (k3os.manifests ?? []).map(manifestStep) : []),
    ...fileSteps(config.write_files ?? [], open),
    ...(Object.keys(open).length === 0 ? [] : [{ phase: "boot", kind: "environment", variables: open } as const]),
    ...commands("boot", "boot_cmd", config),
    ...commands("runtime", "run_cmd", config),
  ];
}

/** What everybody on the node may read, as they can /etc/environment. */
function withoutSecrets(environment: Readonly<Record<string, string>>): Record<string, string> {
  const isOpen = ([name, value]: [string, string]) => !isSecretName(name) && withoutUserInfo(value) === value;
  return Object.fromEntries(Object.entries(environment).filter(isOpen));
}

function listStep<Value>(values: readonly Value[] | undefined, step: (values: readonly Value[]) => Step): Step[] {
  return values === undefined || values.length === 0 ? [] : [step(values)];
}

function dnsStep({ dns_nameservers = [], network }: NonNullable<Config["k3os"]>): Step[] {
  const { addresses, search } = nameserversOf(network);
  const nameservers = [...new Set([...dns_nameservers, ...addresses])];
  if (nameservers.length === 0 && search.length === 0) return [];
  return [{ phase: "boot", kind: "dns", nameservers, search, complete: isStaticOnly(network) }];
}

function moduleStep(entry: string): Step {
  const [name = "", ...parameters] = entry.trim().split(/\s+/);
  return { phase: "boot", kind: "module", name, parameters };
}

/** The last of several files with one path counts. */
function fileSteps(files: readonly ConfigFile[], environment: Readonly<Record<string, string>>): Step<"file">[] {
  const steps = new Map<string, Step<"file">>();
  for (const file of files) {
    steps.delete(file.path);
    steps.set(file.path, fileStep(file));
  }
  // Merged into one step. Two steps for the same file would undo each other at every run.
  const own = steps.get(ENVIRONMENT);
  const content = typeof own?.content === "string" ? own.content : fromUtf8(own?.content);
  if (own !== undefined && own.encoding === undefined && content !== undefined) {
    steps.set(own.path, { ...own, content: environmentText(environment, content) });
  }
  return [...steps.values()];
}

function fileStep({ path, content = "", encoding = "", permissions = "0644", owner }: ConfigFile): Step<"file"> {
  const decoding = ENCODINGS[encoding.toLowerCase()] ?? [];
  const packed = decoding.includes("gzip");
  const bytes = decoding[0] === "base64" ? base64(content) : packed ? (latin1(content) ?? content) : content;
  const mode = Number.parseInt(permissions.replace("o", ""), 8);
  return {
    phase: "boot",
    kind: "file",
    path,
    content: bytes,
    mode,
    ...(packed && { encoding: "gzip" as const }),
    ...(owner !== undefined && { owner }),
  };
}

function commands(phase: Phase, list: CommandList, config: Config): Step[] {
  return (config[list] ?? []).map((command, index) => ({ phase, kind: "command", list, index, command }));
}

function k3sStep({ k3os = {} }: Config, environment: Readonly<Record<string, string>>, facts: Facts): Step<"k3s"> {
  const args = (k3os.k3s_args ?? []).flatMap((entry) => (splitsIntoWords(entry) ? shellWords(entry) : [entry]));
  const given = args[0] === "server" || args[0] === "agent" ? args[0] : undefined;
  const role = given ?? (k3os.server_url === undefined ? "server" : "agent");
  const isNamed = args.some((arg) => /^--?node-name(=|$)/.test(arg));
  return {
    phase: "boot",
    kind: "k3s",
    role,
    args: [
      ...(given === undefined ? args : args.slice(1)).map(withCurrentFlag),
      ...(facts.nodeName === undefined || isNamed ? [] : [`--node-name=${facts.nodeName}`]),
      ...Object.entries(nodeLabels({ k3os }, facts))
        .map(([key, value]) => `--node-label=${key}=${value}`)
        .sort(),
      ...(k3os.taints ?? []).map((taint) => `--node-taint=${taint}`),
    ],
    environment: {
      ...environment,
      ...(k3os.token !== undefined && { K3S_TOKEN: k3os.token }),
      ...(k3os.server_url !== undefined && { K3S_URL: k3os.server_url }),
    },
  };
}

/** The labels of the node in Kubernetes: those of the config, and what is told about k3OS. */
export function nodeLabels({ k3os = {} }: Config, { mode, version }: Facts): Record<string, string> {
  return { ...k3os.labels, "k3os.io/mode": mode, "k3os.io/version": version };
}

/** Replaces flags that k3s has dropped by their successors. The check of the layer has warned about them. */
function withCurrentFlag(arg: string): string {
  const [all = "", flag = ""] = /^--?([\w-]+)(?==|$)/.exec(arg) ?? [];
  const current = REMOVED_FLAGS[flag];
  return current === undefined ? arg : `--${current}${arg.slice(all.length)}`;
}

/** Splits at white space outside of quotes, as a shell does, without expanding anything. */
export function shellWords(text: string): string[] {
  const found = text.match(/(?:[^\s"']|"(?:[^"\\]|\\.)*"|'[^']*'|["'])+/g) ?? [];
  return found.map((word) =>
    word.replace(/"((?:[^"\\]|\\.)*)"|'([^']*)'/g, (_, double?: string, single?: string) =>
      double === undefined ? (single ?? "") : double.replace(/\\(["\\$`])/g, "$1"),
    ),
  );
}
