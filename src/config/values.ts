/** Checks of config values. Each states what it expects, and a hint where one is known. */

import { CLOUD_NAMES } from "./clouds.ts";
import type { Check, Complaint } from "./kinds.ts";
import { isSecretName } from "./secrets.ts";

/** A check by pattern. */
export function like(pattern: RegExp, expected: string, hint?: string): Check {
  const complaint: Complaint = hint === undefined ? { expected } : { expected, hint };
  const rules = [{ pattern, complaint }];
  return Object.assign((text: string) => (pattern.test(text) ? undefined : complaint), { rules });
}

export const notEmpty = like(/\S/, "some text");

/** Several checks; the first complaint counts. */
export function all(...checks: readonly Check[]): Check {
  const first = (text: string) => {
    for (const check of checks) {
      const complaint = check(text);
      if (complaint !== undefined) return complaint;
    }
    return undefined;
  };
  return Object.assign(first, { rules: checks.flatMap(({ rules = [] }) => rules) });
}

const oneLine = like(/^[^\n\r\0]*$/, "text on one line");

// The kernel refuses names longer than 64.
export const hostname: Check = (text) => {
  const expected = "a host name";
  if (text.length > 64) return { expected: `${expected} of at most 64 characters`, got: `${text.length}` };
  if (/^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/.test(text))
    return;
  return { expected, hint: "letters, digits and `-`; a `-` neither first nor last; at most 63 between dots" };
};

export const sshKey: Check = (text) => {
  const lines = text.split("\n").map((line) => line.trim());
  const bad = lines.find((line) => line !== "" && !line.startsWith("#") && !KEY.test(line));
  if (bad === undefined) return undefined;
  return {
    weight: "warning",
    expected: "an ssh public key, `github:NAME`, `gitlab:NAME` or a URL",
    got: /PRIVATE KEY/.test(text) ? "a private key" : JSON.stringify(bad.slice(0, 20)),
    hint: /^(github|gitlab)/i.test(bad)
      ? "no space after the colon"
      : "copy the whole line of the file that ends in .pub",
  };
};
const KEY_TYPE = "(ssh-(ed25519|rsa|dss)|ecdsa-sha2-\\S+|sk-(ssh|ecdsa)-\\S+|ssh-\\S+-cert-\\S+)";
const KEY = new RegExp(`^((github|gitlab):[\\w.-]+$|https?://\\S+$|(\\S.* )?${KEY_TYPE} +[A-Za-z0-9+/=]{16})`);

export const publicKey = like(
  /^(ssh-(ed25519|rsa)|ecdsa-sha2-\S+|sk-(ssh|ecdsa)-\S+) +[A-Za-z0-9+/=]{16,}( [^\n]*)?$/,
  "an ssh public key",
  "copy the whole line of the file that ends in .pub",
);

export const filePath = all(
  like(/^\//, "an absolute path", "begin the path with /"),
  like(/^[^\0\n]+[^/\0\n]$/, "the path of a file", "end it with the name of the file, not with /"),
  like(/^(?!.*\/\.\.?(\/|$))/, "a path without `.` and `..`"),
);

export const permissions = like(/^(0o?)?[0-7]{3,4}$/, "permissions in octal", 'such as "0644" or "0755"');

export const owner = like(/^[\w.-]+(:[\w.-]*)?$/, "an owner as chown takes it", "such as `rancher` or `root:root`");

/** The encodings of a file's content, by every name in cloud-init and old k3OS. */
export const ENCODINGS: Readonly<Record<string, readonly ("base64" | "gzip")[]>> = {
  "": [],
  "text/plain": [],
  b64: ["base64"],
  base64: ["base64"],
  gz: ["gzip"],
  gzip: ["gzip"],
  "gz+b64": ["base64", "gzip"],
  "gz+base64": ["base64", "gzip"],
  "gzip+b64": ["base64", "gzip"],
  "gzip+base64": ["base64", "gzip"],
  "b64+gz": ["base64", "gzip"],
  "base64+gzip": ["base64", "gzip"],
};

export const encoding: Check = (text) =>
  Object.hasOwn(ENCODINGS, text.toLowerCase())
    ? undefined
    : { expected: "an encoding", hint: "one of base64, gzip, gz+b64; leave it out for plain text" };

export const token = all(
  like(/./, "a token"),
  like(/^\S*$/, "a token without spaces and line ends", "is a key or a quote missing after it?"),
);

export const password = all(like(/./, "a password"), oneLine);

export const serverUrl = like(
  /^https:\/\/(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?\/?$/,
  "the URL of a server",
  "such as https://10.0.0.1:6443",
);

/** Flags that k3s had when k3OS was last released, and their successors. */
export const REMOVED_FLAGS: Readonly<Record<string, string>> = { "no-deploy": "disable", "cluster-secret": "token" };

export const k3sArgument: Check = (text) => {
  const complaint = all(notEmpty, oneLine)(text);
  if (complaint !== undefined) return complaint;
  const flag = /^--?([\w-]+)(?=[=\s]|$)/.exec(text)?.[1] ?? "";
  const current = REMOVED_FLAGS[flag];
  if (current !== undefined) {
    const hint = `k3s has no --${flag} any more: --${current} is used instead`;
    return { weight: "warning", expected: "a flag of k3s", got: `--${flag}`, hint };
  }
  if (!splitsIntoWords(text)) return undefined;
  const got = isSecretName(text) ? "several" : undefined;
  const hint = "it is split at the spaces; write each word as an entry of its own";
  return { weight: "warning", expected: "one argument", hint, ...(got && { got }) };
};

/** Whether an entry of k3s_args holds several words: a flag and its value, or a role and flags. */
export function splitsIntoWords(text: string): boolean {
  return /^(--?[A-Za-z0-9-]+|server|agent)\s/.test(text);
}

const NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
const DOMAIN = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

function isQualifiedName(text: string): boolean {
  const slash = text.indexOf("/");
  const prefix = text.slice(0, Math.max(slash, 0));
  return NAME.test(text.slice(slash + 1)) && (slash < 0 || (prefix.length <= 253 && DOMAIN.test(prefix)));
}

const KUBELET_MAY_SET =
  /^((.*\.)?(kubelet|node)\.kubernetes\.io\/|(topology|failure-domain\.beta)\.kubernetes\.io\/(zone|region)$|(beta\.)?(kubernetes|node\.kubernetes)\.io\/(hostname|os|arch|instance-type)$)/;

export const labelKey: Check = (text) => {
  if (!isQualifiedName(text)) {
    const hint = "`name` or `example.com/name`: letters, digits, `.`, `_`, `-`; at most 63, alphanumeric at both ends";
    return { expected: "the name of a label", hint };
  }
  if (/^([^/]*\.)?(kubernetes|k8s)\.io\//.test(text) && !KUBELET_MAY_SET.test(text)) {
    const hint = "Kubernetes reserves it: set it with `kubectl label node`";
    return { weight: "ignored", expected: "a label that a node may give itself", hint };
  }
  return undefined;
};

export const labelValue: Check = (text) => {
  if (text === "" || NAME.test(text)) return undefined;
  const hint = "letters, digits, `.`, `_`, `-`; at most 63, alphanumeric at both ends";
  return { expected: "the value of a label", hint };
};

export const taint: Check = (text) => {
  const hint = "such as `key=value:NoSchedule`; the effect is NoSchedule, PreferNoSchedule or NoExecute";
  const [, key, value, effect] = /^([^=:]*)(?:=([^:]*))?:(.*)$/.exec(text) ?? [];
  if (key === undefined || !/^(NoSchedule|PreferNoSchedule|NoExecute)$/.test(effect ?? "")) {
    return { expected: "a taint with an effect", hint };
  }
  if (!isQualifiedName(key) || (value !== undefined && labelValue(value))) return { expected: "a taint", hint };
  return undefined;
};

export const environmentName = like(
  /^[A-Za-z_][A-Za-z0-9_]*$/,
  "the name of a variable",
  "letters, digits and `_`, no digit first",
);
export const environmentValue: Check = (text) =>
  oneLine(text) && { expected: "text on one line", got: "several lines" };

export const kernelModule = like(
  /^[A-Za-z0-9_-]+(\s+[A-Za-z0-9_.-]+(=\S*)?)*$/,
  "a module, with or without parameters",
  "such as `nbd nbds_max=16`",
);

export const sysctlKey = like(
  /^(?!.*\.\.)[A-Za-z0-9_-]+([./][A-Za-z0-9_:*@-]+)+$/,
  "the name of a sysctl",
  "such as `net.ipv4.ip_forward`",
);
export const sysctlValue = all(notEmpty, oneLine);

export function isIp(text: string): boolean {
  return isIpv4(text) || isIpv6(text);
}

function isIpv4(text: string): boolean {
  return (
    /^(\d{1,3})(\.\d{1,3}){3}$/.test(text) &&
    text.split(".").every((part) => String(Number(part)) === part && Number(part) < 256)
  );
}

function isIpv6(text: string): boolean {
  const address = text.replace(/%[\w.-]+$/, "");
  const halves = address.split("::");
  if (halves.length > 2 || !/^[0-9A-Fa-f:.]+$/.test(address)) return false;
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  let length = 0;
  for (const [index, group] of groups.entries()) {
    if (/^[0-9A-Fa-f]{1,4}$/.test(group)) length += 1;
    else if (index === groups.length - 1 && !address.endsWith(":") && isIpv4(group)) length += 2;
    else return false;
  }
  return halves.length === 2 ? length < 8 : length === 8;
}

export const ipAddress: Check = (text) =>
  isIp(text) ? undefined : { expected: "an IP address", hint: "such as 1.1.1.1 or 2606:4700:4700::1111" };

export const hostOrIp: Check = (text) =>
  isIp(text) || /^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\.?$/.test(text)
    ? undefined
    : { expected: "the name or address of a server", hint: "such as pool.ntp.org" };

const DATA_SOURCES = new RegExp(`^(cdrom|${CLOUD_NAMES.join("|")}|file=/.+)$`);

/** A source that this version does not know is only ignored, because the others may still answer. */
export const dataSource: Check = (text) => {
  if (DATA_SOURCES.test(text)) return undefined;
  const hint = `cdrom, file=/path, ${CLOUD_NAMES.slice(0, -1).join(", ")} or ${CLOUD_NAMES.at(-1)}`;
  return { weight: "ignored", expected: "a data source", hint };
};

export const urlOrPath = all(
  like(/^[a-z]+:\/\/|^\//, "a URL or an absolute path", "such as https://example.com/file or /media/file"),
  like(/^(https?:\/\/[^\s/]|\/)\S*$/, "an http or https URL, or an absolute path"),
);
