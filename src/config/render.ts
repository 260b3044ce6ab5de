/** The files that steps of the plan amount to. */
import type { K3sStep, Step } from "./plan.ts";
import { authorizedKeys } from "./planning/keys.ts";
import { wpaSupplicantConf } from "./planning/wifi.ts";

export interface RenderedFile {
  readonly path: string;
  readonly content: string | Uint8Array;
  readonly mode: number;
  readonly owner?: string;
}

/**
 * Reads a file that is there already, `undefined` if it is not: needed where a step changes only a part of one.
 */
export type ReadFile = (path: string) => string | undefined;

/**
 * The files of a step that consists of nothing else: `dns`, `wifi`, `ntp`, `authorized-keys`, `k3s`, `registries`, `environment`,
 * `file` (unless it is packed).
 * `undefined` for all others.
 */
export function render(step: Step, read: ReadFile): readonly RenderedFile[] | undefined {
  switch (step.kind) {
    case "dns": {
      const servers = step.nameservers.map((server) => `nameserver ${server}\n`).join("");
      const search = step.search.length === 0 ? "" : `search ${step.search.join(" ")}\n`;
      return [
        { path: RESOLV_HEAD, content: servers, mode: 0o644 },
        // Of several `search` lines the last one counts (resolv.conf(5)).
        ...(search === "" ? [] : [{ path: RESOLV_TAIL, content: search, mode: 0o644 }]),
        ...(step.complete ? [{ path: RESOLV_CONF, content: servers + search, mode: 0o644 }] : []),
      ];
    }
    case "wifi":
      return [{ path: WPA_SUPPLICANT, content: wpaSupplicantConf(step.networks), mode: 0o600 }];
    case "ntp": {
      const content = step.servers.map((server) => `server ${server} iburst\n`).join("");
      return [{ path: CHRONY_SOURCES, content, mode: 0o644 }];
    }
    case "authorized-keys":
      return [authorizedKeys(step, read)];
    case "k3s":
      return renderK3s(step);
    case "registries":
      return [{ path: REGISTRIES, content: step.content, mode: 0o600 }];
    case "environment": {
      const content = environmentText(step.variables, read(ENVIRONMENT) ?? "");
      return [{ path: ENVIRONMENT, content, mode: 0o644 }];
    }
    case "file": {
      const { path, content, mode, owner, encoding } = step;
      return encoding === undefined ? [{ path, content, mode, ...(owner !== undefined && { owner }) }] : undefined;
    }
    default:
      return undefined;
  }
}

export const ENVIRONMENT = "/etc/environment";
/** Put by dhcpcd and openresolv before what DHCP says. */
const RESOLV_HEAD = "/etc/resolv.conf.head";
/** Put after it. */
const RESOLV_TAIL = "/etc/resolv.conf.tail";
const RESOLV_CONF = "/etc/resolv.conf";
const CHRONY_SOURCES = "/etc/chrony/sources.d/k3os.sources";
const WPA_SUPPLICANT = "/etc/wpa_supplicant/k3os.conf";
const K3S_CONF = "/etc/conf.d/k3s";
export const LOCALTIME = "/etc/localtime";
export const REGISTRIES = "/etc/rancher/k3s/registries.yaml";
const K3S_ENVIRONMENT = "/etc/rancher/k3s/k3s-service.env";

/**
 * Two files of shell assignments. In /etc/conf.d/k3s `K3S_ARGS` holds role and arguments, each quoted for the `eval` that
 * OpenRC's supervise-daemon does with `command_args`; the other one holds the environment, secrets included.
 */
function renderK3s({ role, args, environment }: K3sStep): readonly RenderedFile[] {
  const words = [role, ...args].map(quote).join(" ");
  const lines = Object.entries(environment).map(([name, value]) => `${name}=${quote(value)}\n`);
  return [
    { path: K3S_CONF, content: `K3S_ARGS=${quote(words)}\n`, mode: 0o644 },
    { path: K3S_ENVIRONMENT, content: lines.sort().join(""), mode: 0o600 },
  ];
}

/** A word for a POSIX shell, whatever characters it has. */
export function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * /etc/environment with the variables set: those that are there keep their line, the others come at the end. Applied to
 * its own result it changes nothing.
 */
export function environmentText(variables: Readonly<Record<string, string>>, existing: string): string {
  const left = new Map(Object.entries(variables));
  const lines: string[] = [];
  for (const line of existing.split("\n")) {
    const name = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=/.exec(line)?.[1];
    if (name === undefined || !Object.hasOwn(variables, name)) lines.push(line);
    else if (left.has(name)) lines.push(assignment(name, left.get(name) ?? ""));
    if (name !== undefined) left.delete(name);
  }
  if (left.size > 0 && lines.at(-1) === "") lines.pop();
  for (const [name, value] of left) lines.push(assignment(name, value));
  return left.size > 0 ? `${lines.join("\n")}\n` : lines.join("\n");
}

/** For pam_env, which knows quotes but no escapes, and for a shell. */
function assignment(name: string, value: string): string {
  return `${name}=${value.includes("'") ? `"${value.replace(/["\\$`]/g, "\\$&")}"` : quote(value)}`;
}
