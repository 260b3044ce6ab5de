/** What the API server can check of config.yaml beyond patterns, in CEL; and what only a node can. */
import type { Check, Kind } from "../../config/kinds.ts";
import { address, destination, ethernetKey, linkName } from "../../config/network/checks.ts";
import { OF_CLUSTER } from "../../config/network/names.ts";
import { network } from "../../config/network/schema.ts";
import { newUserName, ssid } from "../../config/schema/access.ts";
import { file } from "../../config/schema/file.ts";
import { manifest } from "../../config/schema/manifest.ts";
import { mount } from "../../config/schema/mount.ts";
import { httpUrl } from "../../config/schema/places.ts";
import { proxyUrl, registryUrl } from "../../config/schema/remote.ts";
import { upgrade, upgradeCheck } from "../../config/schema/upgrade.ts";
import { imageSource } from "../../config/schema/upgrading.ts";
import { SECRET_NAME } from "../../config/secrets.ts";
import * as values from "../../config/values.ts";
import { cel, type Json } from "./openapi.ts";
import { matching } from "./patterns.ts";

/** What is said of a value that is refused: `expected …`, and how to put it right. */
export interface Told {
  readonly expected: string;
  readonly hint?: string;
  /** Whether the value is not shown. */
  readonly secret?: boolean;
}

/** What must hold for a text, `value` in CEL. */
export interface TextRule extends Told {
  readonly holds: (value: string) => string;
}

/** A text that may hold a secret must not match the pattern, for RE2. */
export interface SecretRule extends Told {
  readonly pattern: string;
}

const OWN_CONFIG = "it belongs in the node's own config.yaml";
export const READABLE =
  "whoever may read a MachineConfig reads all of it: `spec.secrets` may name a Secret, or the node's own config.yaml has it";

/** The same sentence that `k3os config check` says of a value, without the value, which the API server names. */
export function sentence({ expected, hint }: Told): string {
  return `expected ${expected}${hint === undefined ? "" : `; ${hint}`}`;
}

/** What the check says of a text that it refuses. */
function complaintOf(check: Check, refused: string): Told {
  const complaint = check(refused);
  if (complaint === undefined) throw new Error(`${refused} is not refused`);
  const { expected, hint } = complaint;
  return hint === undefined ? { expected } : { expected, hint };
}

/** A rule in CEL with the words that a check has for a text that it refuses. */
const saying = (check: Check, refused: string, holds: (value: string) => string): TextRule => ({
  ...complaintOf(check, refused),
  holds,
});

const matches = (pattern: string) => (value: string) => `${value}.matches(${cel(pattern)})`;
const lacks = (pattern: string) => (value: string) => `!${value}.matches(${cel(pattern)})`;

/** What follows the prefix of a label's key; and its value, which may be empty, too. Patterns for RE2. */
export const LABEL = "[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?";
const PREFIX = "[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*";
/** The key of a label. */
export const QUALIFIED = `(${PREFIX}/)?${LABEL}`;
// Shorter than the pattern of a node: the API server reckons with length times length.
const KEY_LINE =
  "(?m)^\\s*((github|gitlab):[\\w.-]+\\s*$|https?://\\S|(\\S.* )?(ssh|ecdsa|sk)-\\S+ +[A-Za-z0-9+/=]{16})";
const HOST = "^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\\.?$";
const PUBLIC_KEY = "copy the whole line of the file that ends in .pub";
const RESERVED = "^([^/]*\\.)?(kubernetes|k8s)\\.io/";
const MAY_SET =
  "^((.*\\.)?(kubelet|node)\\.kubernetes\\.io/|(topology|failure-domain\\.beta)\\.kubernetes\\.io/(zone|region)$|(beta\\.)?(kubernetes|node\\.kubernetes)\\.io/(hostname|os|arch|instance-type)$)";
/** Flags of k3s with a value that is a secret, or may have one in it. */
const SECRET_FLAGS =
  "^--?(t|token|agent-token|cluster-secret|agent-cluster-secret|datastore-endpoint|etcd-s3-(access-key|secret-key|session-token)|vpn-auth)([=\\s]|$)";

// A zone, which names an interface of the node, is no part of an address to the API server.
const isIp = (value: string) => `isIP(${value}) || ${value}.matches("^fe80:[0-9A-Fa-f:]+%[A-Za-z0-9_.-]+$")`;
const ofFamily = (version: 4 | 6) => (value: string) => `isIP(${value}) && ip(${value}).family() == ${version}`;

const gateways = network.keys.ethernets.value.keys;
const gateway4 = gateways.gateway4.check as Check;
const gateway6 = gateways.gateway6.check as Check;
const notOfCluster = saying(linkName, "cni0", (value) => `!${matching(value, OF_CLUSTER)}`);

// A message must not have several lines, so the value is not part of it.
const ONE_LINE = { expected: "text on one line, got several lines", secret: true };

/** Checks that are functions, or that are stricter in a MachineConfig, which many may read. */
export const TEXT_RULES: ReadonlyMap<Check, readonly TextRule[]> = new Map<Check, readonly TextRule[]>([
  [values.ipAddress, [saying(values.ipAddress, "x", isIp)]],
  [gateway4, [saying(gateway4, "x", ofFamily(4))]],
  [gateway6, [saying(gateway6, "x", ofFamily(6))]],
  [address, [saying(address, "x", (value) => `isCIDR(${value})`)]],
  [destination, [saying(destination, "x", (value) => `${value} == "default" || isIP(${value}) || isCIDR(${value})`)]],
  [values.hostOrIp, [saying(values.hostOrIp, "a b", (value) => `isIP(${value}) || ${matches(HOST)(value)}`)]],
  [linkName, [notOfCluster, saying(linkName, "-", matches("^[A-Za-z0-9][\\w.-]{0,14}$"))]],
  [ethernetKey, [notOfCluster, saying(ethernetKey, "a b", matches("^[\\w.-]{1,64}$"))]],
  [
    values.labelKey,
    [
      saying(values.labelKey, "a b", matches(`^${QUALIFIED}$`)),
      saying(values.labelKey, "kubernetes.io/x", (value) => `${lacks(RESERVED)(value)} || ${matches(MAY_SET)(value)}`),
    ],
  ],
  [values.labelValue, [saying(values.labelValue, " ", matches(`^(${LABEL})?$`))]],
  [
    values.taint,
    [saying(values.taint, "x", matches(`^${QUALIFIED}(=(${LABEL})?)?:(NoSchedule|PreferNoSchedule|NoExecute)$`))],
  ],
  [values.sshKey, [{ ...complaintOf(values.sshKey, "x"), holds: matches(KEY_LINE) }]],
  [
    values.k3sArgument,
    [
      { ...ONE_LINE, holds: matches("^[^\\n\\r]*\\S[^\\n\\r]*$") },
      {
        ...{
          expected: "an argument and no role",
          hint: `whether a node is a server is not changed later: ${OWN_CONFIG}`,
        },
        holds: (value) => `!(${value} in ["server", "agent"])`,
      },
      ...Object.entries(values.REMOVED_FLAGS).map(([old, current]) => ({
        ...{ expected: "a flag of k3s", hint: `k3s has no --${old} any more: --${current} is used instead` },
        holds: lacks(`^--?${old}([=\\s]|$)`),
      })),
      {
        ...{ expected: "one argument", hint: "write each word as an entry of its own" },
        holds: lacks("^(--?[A-Za-z0-9-]+|server|agent)\\s"),
      },
    ],
  ],
  [values.environmentValue, [{ ...ONE_LINE, holds: lacks("[\\n\\r]") }]],
  [
    newUserName,
    [
      {
        expected: "another name than that of an account of the system",
        hint: "rancher's keys are `ssh_authorized_keys`",
        holds: (value) =>
          `!(${value} in ["root", "rancher", "sshd", "dhcpcd", "_chrony", "daemon", "bin", "sys", "nobody"])`,
      },
    ],
  ],
  [ssid, [{ expected: "a name of 1 to 32 bytes", holds: (value) => `size(${value}) > 0` }]],
]);

const WITHOUT_USER = { pattern: "://[^\\s/@]*@", expected: "a URL without a user", hint: READABLE };

/** Texts that may hold a secret, and then are not shown. */
export const SECRET_RULES: ReadonlyMap<Check, SecretRule> = new Map([
  [values.k3sArgument, { pattern: SECRET_FLAGS, expected: "flags without a secret", hint: READABLE }],
  [values.sshKey, { pattern: "PRIVATE KEY", expected: "an ssh public key, got a private key", hint: PUBLIC_KEY }],
  [
    values.environmentName,
    { pattern: `(?i)${SECRET_NAME.source}`, expected: "variables whose names sound like no secret", hint: READABLE },
  ],
  [values.environmentValue, WITHOUT_USER],
  [proxyUrl, WITHOUT_USER],
  [registryUrl, WITHOUT_USER],
  [httpUrl, WITHOUT_USER],
  [imageSource, WITHOUT_USER],
]);

/** CEL that is true for a duration such as `1h30m` from `least` to `most` seconds. CEL itself knows no days. */
export function durationBetween(value: string, [least, most]: readonly [number, number]): string {
  const form = `${value}.matches("^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$") && ${value} != ""`;
  return `${form} && duration(${value}) >= duration("${least}s") && duration(${value}) <= duration("${most}s")`;
}

/** The schema of a text that is a number or a choice, and needs no rule in CEL. */
export function schemaOfCheck(check: Check): Json | undefined {
  if (check === network.keys.version.check) return { type: "integer", enum: [2] };
  if (check === values.sysctlValue) return NUMBER_OR_TEXT;
  if (check === values.encoding) return { type: "string", enum: ENCODINGS };
  if (check.range === undefined || check.rules !== undefined) return undefined;
  const [minimum, maximum] = check.range;
  return { type: "integer", format: "int64", minimum, maximum };
}

const ENCODINGS = Object.keys(values.ENCODINGS).filter((name) => name !== "");

/**
 * Beyond this, JavaScript rounds. CEL sees no limit to the length of the text, so the pattern is not one of its
 * rules.
 */
const NUMBER_OR_TEXT = {
  "x-kubernetes-int-or-string": true,
  maxLength: 1024,
  minimum: -Number.MAX_SAFE_INTEGER,
  maximum: Number.MAX_SAFE_INTEGER,
  pattern: "^[^\\n\\r]*\\S[^\\n\\r]*$",
};

const route = network.keys.routes.item;

/** What must hold for several keys of a struct, `value` in CEL; `key` is the one that is told of. */
export interface StructRule {
  readonly rule: (value: string) => string;
  readonly message: string;
  readonly key?: string;
}

const LONGER_THAN_DEADLINE = "a node that must be healthy for longer than it may try can never be kept";

export const STRUCT_RULES: ReadonlyMap<Kind, readonly StructRule[]> = new Map<Kind, readonly StructRule[]>([
  [manifest, [{ rule: (v) => `has(${v}.content) != has(${v}.url)`, message: "expected either `content` or `url`" }]],
  [
    upgradeCheck,
    [{ rule: (v) => `has(${v}.command) != has(${v}.pods)`, message: "expected either `command` or `pods`" }],
  ],
  [
    mount,
    [
      {
        rule: (v) => `!has(${v}.format) || !${v}.format || ${v}.device.startsWith("/dev/")`,
        message:
          "expected a path below /dev, because of `format`; an empty device has neither a label nor a UUID: write `device: /dev/…`",
        key: "device",
      },
      {
        rule: (v) => `!has(${v}.format) || !${v}.format || !has(${v}.type) || ${v}.type == "ext4"`,
        message: "expected ext4, because of `format`; the image has no other program that makes a file system",
        key: "type",
      },
    ],
  ],
  [
    upgrade,
    [
      {
        rule: (v) =>
          `duration(has(${v}.stable_for) ? ${v}.stable_for : "30s") < duration(has(${v}.deadline) ? ${v}.deadline : "10m")`,
        message: `expected less than the deadline; ${LONGER_THAN_DEADLINE}`,
        key: "stable_for",
      },
    ],
  ],
  [
    route,
    [
      {
        rule: (v) => `${v}.to == "default" || ${v}.to.contains(":") == ${v}.via.contains(":")`,
        message: "expected an address of the same kind as `to`, IPv4 or IPv6",
        key: "via",
      },
    ],
  ],
]);

/** Structs whose check is left to the node, with the reason. Its Machine tells what it finds. */
export const ONLY_ON_NODE: ReadonlyMap<Kind, string> = new Map<Kind, string>([
  [file, "decoding the content of every file costs more than the API server grants"],
  [network, "an interface may belong to a bond that another layer has"],
]);

const HERE = "a MachineConfig does not set it";
/** Keys that are refused, by path, and why. Keys that the schema calls secret are refused, too. */
export const REFUSED: Readonly<Record<string, string>> = {
  hostname: `each node has a name of its own: ${OWN_CONFIG}`,
  "k3os.token": `which cluster a node belongs to is known before it reads a MachineConfig: ${OWN_CONFIG}`,
  "k3os.server_url": `which cluster a node belongs to is known before it reads a MachineConfig: ${OWN_CONFIG}`,
  "k3os.data_sources": `where a node looks for its configuration is known before it reads a MachineConfig: ${OWN_CONFIG}`,
  "k3os.install": `only the installer reads it, before there is a node: ${OWN_CONFIG}`,
};

/** Why a key is refused; `undefined` if it is not. */
export function refusal(path: string, kind: Kind): string | undefined {
  const reason = REFUSED[path] ?? (kind.secret ? READABLE : undefined);
  return reason === undefined ? undefined : `${HERE}; ${reason}`;
}
