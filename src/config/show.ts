/** Shows a config to people. */
import type { Kind, StructOf } from "./kinds.ts";
import { type Config, schema } from "./schema.ts";
import { HIDDEN, isSecretName, redactArguments, withoutUserInfo } from "./secrets.ts";
import { yamlText } from "./yaml-text.ts";

/**
 * The config as a config.yaml that loads to the same config. It contains secrets: call `redact` first if others can see
 * the result.
 */
export function toYaml(config: Config): string {
  return Object.keys(config).length === 0 ? "" : yamlText(config);
}

/**
 * The config without its secrets: token, password, passwords in URLs, variables and arguments whose names sound like a
 * secret. Contents of files and commands stay.
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

/** The config without the keys for the installer: what a node keeps. */
export function withoutInstall(config: Config): Config {
  const { k3os, ...rest } = config;
  if (k3os === undefined) return config;
  const { install: _, ...others } = k3os;
  return Object.keys(others).length === 0 ? rest : { ...rest, k3os: others };
}
