/** What the API server can check of config.yaml beyond patterns, in CEL; and what only a node can. */
import type { Check, Complaint, Kind } from "../../config/kinds.ts";
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
import { cel, type Rule } from "./openapi.ts";
import { matching } from "./patterns.ts";

/** Rules about a text, `value` in CEL; `self` unless it is the name of an entry of a map. */
type TextRules = (value: string) => readonly Rule[];

/** What a text that may hold a secret must not look like. The API server shows the text with a rule about it. */
export interface SecretRule {
  /** What is refused, for RE2. */
  readonly pattern: string;
  readonly message: string;
}

const OWN_CONFIG = "it belongs in the node's own config.yaml";
export const READABLE = `whoever may read a MachineConfig reads all of it: ${OWN_CONFIG}`;

/** The same sentence that `k3os config check` says of a value, without the value, which the API server names. */
export function sentence({ expected, hint }: Complaint): string {
  return `expected ${expected}${hint === undefined ? "" : `; ${hint}`}`;
}

const rule = (expression: string, expected: string, hint?: string): Rule => ({
  rule: expression,
  message: sentence(hint === undefined ? { expected } : { expected, hint }),
});

/** What the check says of a text that it refuses. */
function complaintOf(check: Check, refused: string): Complaint {
  const complaint = check(refused);
  if (complaint === undefined) throw new Error(`${refused} is not refused`);
  return complaint;
}

/** A rule in CEL with the words of a check. */
const saying =
  (check: Check, refused: string, expression: (value: string) => string): TextRules =>
  (value) => [{ rule: expression(value), message: sentence(complaintOf(check, refused)) }];

const LABEL = "[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?";
const PREFIX = "[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*";
const QUALIFIED = `(${PREFIX}/)?${LABEL}`;
// Shorter than the pattern of a node: the API server reckons with length times length.
const KEY_LINE =
  "(?m)^\\s*((github|gitlab):[\\w.-]+\\s*$|https?://\\S|(\\S.* )?(ssh|ecdsa|sk)-\\S+ +[A-Za-z0-9+/=]{16})";
const HOST = "^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\\.?$";
const RESERVED = "^([^/]*\\.)?(kubernetes|k8s)\\.io/";
const MAY_SET =
  "^((.*\\.)?(kubelet|node)\\.kubernetes\\.io/|(topology|failure-domain\\.beta)\\.kubernetes\\.io/(zone|region)$|(beta\\.)?(kubernetes|node\\.kubernetes)\\.io/(hostname|os|arch|instance-type)$)";
/** Flags of k3s with a value that is a secret, or may have one in it. */
const SECRET_FLAGS =
  "^--?(t|token|agent-token|cluster-secret|agent-cluster-secret|datastore-endpoint|etcd-s3-(access-key|secret-key|session-token)|vpn-auth)([=\\s]|$)";
const REMOVED_FLAGS = `^--?(${Object.keys(values.REMOVED_FLAGS).join("|")})([=\\s]|$)`;

// A zone, which names an interface of the node, is no part of an address to the API server.
const isIp = (value: string) => `isIP(${value}) || ${value}.matches("^fe80:[0-9A-Fa-f:]+%[A-Za-z0-9_.-]+$")`;

const gateways = network.keys.ethernets.value.keys;

/** Checks that are functions, or that are stricter in a MachineConfig, which many may read. */
export const TEXT_RULES: ReadonlyMap<Check, TextRules> = new Map<Check, TextRules>([
  [values.ipAddress, saying(values.ipAddress, "x", isIp)],
  [gateways.gateway4.check as Check, saying(gateways.gateway4.check as Check, "x", (value) => family(value, 4))],
  [gateways.gateway6.check as Check, saying(gateways.gateway6.check as Check, "x", (value) => family(value, 6))],
  [address, saying(address, "x", (value) => `isCIDR(${value})`)],
  [destination, saying(destination, "x", (value) => `${value} == "default" || isIP(${value}) || isCIDR(${value})`)],
  [values.hostOrIp, saying(values.hostOrIp, "a b", (value) => `isIP(${value}) || ${value}.matches(${cel(HOST)})`)],
  [linkName, (value) => [notOfCluster(value), ...linkNames(value)]],
  [ethernetKey, (value) => [notOfCluster(value), ...ethernetKeys(value)]],
  [values.labelKey, (value) => [...labelKeys(value), ...reserved(value)]],
  [values.labelValue, saying(values.labelValue, " ", (value) => `${value}.matches(${cel(`^(${LABEL})?$`)})`)],
  [
    values.taint,
    saying(
      values.taint,
      "x",
      (value) => `${value}.matches(${cel(`^${QUALIFIED}(=(${LABEL})?)?:(NoSchedule|PreferNoSchedule|NoExecute)$`)})`,
    ),
  ],
  [
    values.sshKey,
    (value) => [
      {
        rule: `!${value}.contains("PRIVATE KEY")`,
        message: "expected an ssh public key, got a private key; copy the whole line of the file that ends in .pub",
      },
      rule(
        `${value}.matches(${cel(KEY_LINE)})`,
        "an ssh public key, `github:NAME`, `gitlab:NAME` or a URL",
        "copy the whole line of the file that ends in .pub",
      ),
    ],
  ],
  [
    values.k3sArgument,
    (value) => [
      rule(`${value}.matches(${cel("^[^\\n\\r]*\\S[^\\n\\r]*$")})`, "text on one line"),
      {
        rule: `!(${value} in ["server", "agent"])`,
        message: `expected an argument of k3s, got a role; whether a node is a server is nothing to change later: ${OWN_CONFIG}`,
      },
      rule(
        `!${value}.matches(${cel(REMOVED_FLAGS)})`,
        "a flag of k3s",
        Object.entries(values.REMOVED_FLAGS)
          .map(([old, current]) => `k3s has no --${old} any more: --${current} is used instead`)
          .join("; "),
      ),
      rule(
        `!${value}.matches(${cel("^(--?[A-Za-z0-9-]+|server|agent)\\s")})`,
        "one argument",
        "write each word as an entry of its own",
      ),
    ],
  ],
  [
    values.environmentName,
    (value) => [
      rule(`!${value}.matches(${cel(`(?i)${SECRET_NAME.source}`)})`, "a variable without a secret", READABLE),
    ],
  ],
  [
    values.environmentValue,
    (value) => [rule(`!${value}.contains("\\n") && !${value}.contains("\\r")`, "text on one line")],
  ],
  [
    newUserName,
    (value) => [
      rule(
        `!(${value} in ["root", "rancher", "sshd", "dhcpcd", "_chrony", "daemon", "bin", "sys", "nobody"])`,
        "another name than that of an account of the system",
        "rancher's keys are `ssh_authorized_keys`",
      ),
    ],
  ],
  [ssid, (value) => [rule(`size(${value}) > 0`, "a name of 1 to 32 bytes")]],
]);

const WITHOUT_USER = { pattern: "://[^\\s/@]*@", message: `expected a URL without a user; ${READABLE}` };

/** Texts that may hold a secret, so that a rule about them is put where the API server does not show them. */
export const SECRET_RULES: ReadonlyMap<Check, SecretRule> = new Map([
  [values.k3sArgument, { pattern: SECRET_FLAGS, message: `expected flags without a secret; ${READABLE}` }],
  [values.environmentValue, WITHOUT_USER],
  [proxyUrl, WITHOUT_USER],
  [registryUrl, WITHOUT_USER],
  [httpUrl, WITHOUT_USER],
  [imageSource, WITHOUT_USER],
]);

function family(value: string, version: 4 | 6): string {
  return `isIP(${value}) && ip(${value}).family() == ${version}`;
}

function notOfCluster(value: string): Rule {
  return { rule: `!${matching(value, OF_CLUSTER)}`, message: sentence(complaintOf(linkName, "cni0")) };
}

const linkNames = saying(linkName, "-", (value) => `${value}.matches(${cel("^[A-Za-z0-9][\\w.-]{0,14}$")})`);
const ethernetKeys = saying(ethernetKey, "a b", (value) => `${value}.matches(${cel("^[\\w.-]{1,64}$")})`);
const labelKeys = saying(values.labelKey, "a b", (value) => `${value}.matches(${cel(`^${QUALIFIED}$`)})`);
const reserved = saying(
  values.labelKey,
  "kubernetes.io/x",
  (value) => `!${value}.matches(${cel(RESERVED)}) || ${value}.matches(${cel(MAY_SET)})`,
);

const route = network.keys.routes.item;

/** Rules about several keys of a struct. */
export const STRUCT_RULES: ReadonlyMap<Kind, readonly Rule[]> = new Map<Kind, readonly Rule[]>([
  [manifest, [{ rule: "has(self.content) != has(self.url)", message: "expected either `content` or `url`" }]],
  [upgradeCheck, [{ rule: "has(self.command) != has(self.pods)", message: "expected either `command` or `pods`" }]],
  [
    mount,
    [
      {
        rule: `!has(self.format) || !self.format || self.device.startsWith("/dev/")`,
        message:
          "expected a path below /dev, because of `format`; an empty device has neither a label nor a UUID: write `device: /dev/…`",
        fieldPath: ".device",
      },
      {
        rule: `!has(self.format) || !self.format || !has(self.type) || self.type == "ext4"`,
        message: "expected ext4, because of `format`; the image has no other program that makes a file system",
        fieldPath: ".type",
      },
    ],
  ],
  [
    upgrade,
    [
      {
        rule: 'duration(has(self.stable_for) ? self.stable_for : "30s") < duration(has(self.deadline) ? self.deadline : "10m")',
        message:
          "expected less than the deadline; a node that must be healthy for longer than it may try can never be kept",
        fieldPath: ".stable_for",
      },
    ],
  ],
  [
    route,
    [
      {
        rule: `self.to == "default" || self.to.contains(":") == self.via.contains(":")`,
        message: "expected an address of the same kind as `to`, IPv4 or IPv6",
        fieldPath: ".via",
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
  "k3os.server_url": `which cluster a node belongs to is known before it reads a MachineConfig: ${OWN_CONFIG}`,
  "k3os.data_sources": `where a node looks for its configuration is known before it reads a MachineConfig: ${OWN_CONFIG}`,
  "k3os.install": `only the installer reads it, before there is a node: ${OWN_CONFIG}`,
};

/** Why a key is refused; `undefined` if it is not. */
export function refusal(path: string, kind: Kind): string | undefined {
  const reason = REFUSED[path] ?? (kind.secret ? READABLE : undefined);
  return reason === undefined ? undefined : `${HERE}; ${reason}`;
}
