/** A config and its plan for human eyes. */
import type { Kind, StructOf } from "./kinds.ts";
import { namesOf } from "./network/dns.ts";
import type { Step } from "./plan.ts";
import { type Config, schema } from "./schema.ts";
import { HIDDEN, isSecretName, withoutUserInfo } from "./secrets.ts";
import { yamlText } from "./yaml-text.ts";

/** The config as a config.yaml that loads to the same config. Shows secrets: `redact` first where others read along. */
export function toYaml(config: Config): string {
  return Object.keys(config).length === 0 ? "" : yamlText(config);
}

/**
 * The config without its secrets: token, password, variables and arguments whose names sound like a secret, passwords in
 * URLs. Contents of files and commands stay: whoever may see them is a matter of `permissions`, or of the command.
 */
export function redact(config: Config): Config {
  const { k3os, ...rest } = redactSecrets(config, schema) as Config;
  if (k3os === undefined) return rest;
  const { environment, k3s_args } = k3os;
  return {
    ...rest,
    k3os: {
      ...k3os,
      ...(environment !== undefined && { environment: redactVariables(environment) }),
      ...(k3s_args !== undefined && { k3s_args: redactArguments(k3s_args) }),
    },
  };
}

function redactSecrets(value: unknown, kind: Kind): unknown {
  if (kind.secret) return HIDDEN;
  if (kind.kind === "list" && Array.isArray(value)) return value.map((item) => redactSecrets(item, kind.item));
  if (kind.kind === "map" && kind.value.kind === "struct") {
    const entries = Object.entries(value as Record<string, unknown>);
    return Object.fromEntries(entries.map(([key, inner]) => [key, redactSecrets(inner, kind.value)]));
  }
  if (kind.kind === "text" && /^\w+:\/\/\S+$/.test(String(value))) return withoutUserInfo(String(value));
  if (kind.kind !== "struct") return value;
  const keys = (kind as StructOf).keys;
  const entries = Object.entries(value as Record<string, unknown>);
  return Object.fromEntries(entries.map(([key, inner]) => [key, redactSecrets(inner, keys[key] as Kind)]));
}

function redactVariables(variables: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(variables);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, isSecretName(name) ? HIDDEN : withoutUserInfo(value)]),
  );
}

/** Both `--token=x` and `--token x`, in one word or two. */
function redactArguments(args: readonly string[]): string[] {
  return args.map((arg, index) => {
    const [all, flag = ""] = /^(--?[\w-]+)[=\s]/.exec(arg) ?? [];
    if (all !== undefined && isSecretName(flag)) return all + HIDDEN;
    const before = args[index - 1] ?? "";
    return /^--?[\w-]+$/.test(before) && isSecretName(before) ? HIDDEN : withoutUserInfo(arg);
  });
}

/** What a step does, in one line without secrets. Steps of a plan that differ may have the same line. */
export function describe(step: Step): string {
  switch (step.kind) {
    case "module":
      return `load module ${[step.name, ...step.parameters].join(" ")}`;
    case "sysctl":
      return `set sysctl ${step.key} = ${step.value}`;
    case "hostname":
      return `set host name ${step.name}`;
    case "dns":
      return `use name servers ${[...step.nameservers, ...step.search].join(" ")}`;
    case "network":
      return `configure the network: ${namesOf(step.network).join(", ")}`;
    case "wifi":
      return `join the Wi-Fi networks ${step.networks.map(({ name }) => name).join(", ")}`;
    case "no-network":
      return "let every network card ask DHCP again";
    case "ntp":
      return `use time servers ${step.servers.join(" ")}`;
    case "password":
      return step.password === "*" ? `let nobody log in as ${step.user} by password` : `set password of ${step.user}`;
    case "authorized-keys":
      if (step.keys.length === 0) return `let keys that were fetched before log in as ${step.user}`;
      return `let ${step.keys.length === 1 ? "1 key" : `${step.keys.length} keys`} log in as ${step.user}`;
    case "remote-keys":
      return `let the keys of ${step.sources.map(({ source }) => withoutUserInfo(source)).join(", ")} log in as ${step.user}`;
    case "timezone":
      return `use time zone ${step.zone}`;
    case "mount":
      return `mount ${step.device} on ${step.path}${step.format ? ", made if it is empty" : ""}`;
    case "account":
      return `make the account ${step.user}${step.sudo ? ", which may become root" : ""}`;
    case "no-account":
      return `remove the account ${step.user}, but not its home`;
    case "registries":
      return "configure the registries that images come from";
    case "manifest":
      return `put the manifest ${step.name} where k3s finds it`;
    case "remote-manifest":
      return `fetch the manifest ${step.name} from ${withoutUserInfo(step.url)}`;
    case "restart-k3s":
      return "restart k3s, which takes this up when it starts; pods go on running";
    case "restore":
      return `put ${step.path} back as it was`;
    case "k3s":
      return ["configure k3s", step.role, ...redactArguments(step.args)].join(" ");
    case "file":
      return `write ${step.path} (${step.mode.toString(8).padStart(4, "0")})`;
    case "environment":
      return `set ${Object.keys(step.variables).join(", ")} in /etc/environment`;
    case "command":
      return `run ${step.list}[${step.index}]`;
  }
}

/** The config without what concerns only the installer: what a node keeps. */
export function withoutInstall(config: Config): Config {
  const { k3os, ...rest } = config;
  if (k3os === undefined) return config;
  const { install: _, ...others } = k3os;
  return Object.keys(others).length === 0 ? rest : { ...rest, k3os: others };
}
