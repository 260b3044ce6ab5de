import type { Config, Wifi } from "../../config/index.ts";
import { K3osError } from "../../errors.ts";
import { composeConfig } from "./node-config.ts";

/** The answers so far. A question that was not asked has none. */
export interface Answers {
  readonly action?: "install" | "configure";
  /** The path of the disk. */
  readonly device?: string;
  /** Whether a disk that is part of something larger may be overwritten. */
  readonly force?: boolean;
  readonly fromFile?: boolean;
  readonly configPlace?: string;
  /** As typed: GitHub users and keys, separated by commas. */
  readonly keys?: string;
  readonly password?: string;
  readonly passwordAgain?: string;
  /** Wi-Fi networks that are complete, then the one that is being asked about. */
  readonly wifi?: readonly Wifi[];
  readonly wifiName?: string;
  readonly wifiPassphrase?: string;
  readonly role?: "server" | "agent";
  readonly serverUrl?: string;
  readonly token?: string;
}

/** The config of the running system, overlaid with the answers. */
export function configFrom(answers: Answers, base: Config = {}): Config {
  const { password, role, serverUrl, token } = answers;
  const wifi = networksOf(answers);
  const keys = (answers.keys ?? "")
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "")
    .map((entry) => (/^[\w-]+$/.test(entry) ? `github:${entry}` : entry));
  const { server_url, ...k3os } = base.k3os ?? {};
  return {
    ...base,
    ...(keys.length > 0 && { ssh_authorized_keys: [...new Set([...(base.ssh_authorized_keys ?? []), ...keys])] }),
    k3os: {
      ...k3os,
      ...(role === undefined && server_url !== undefined && { server_url }),
      ...(password !== undefined && { password }),
      ...(wifi.length > 0 && { wifi }),
      ...(role === "agent" && serverUrl !== undefined && { server_url: serverUrl }),
      ...(token && { token }),
    },
  };
}

/** All Wi-Fi networks so far, in the order in which they were asked for. */
export function networksOf({ wifi = [], wifiName, wifiPassphrase }: Answers): readonly Wifi[] {
  if (!wifiName) return wifi;
  return [...wifi, { name: wifiName, ...(wifiPassphrase && { passphrase: wifiPassphrase }) }];
}

/** What the check of config.yaml reports for these answers; `undefined` if they are right. */
export function complaintAbout(answers: Answers): string | undefined {
  try {
    const { warnings } = composeConfig(configFrom(answers));
    return warnings.length === 0 ? undefined : sentence(warnings[0] ?? "");
  } catch (error) {
    if (error instanceof K3osError) return sentence(error.message.split("\n").slice(1).join("\n"));
    throw error;
  }
}

/** The message and hint of a formatted problem. Its excerpt is left out, because the user has just typed it. */
function sentence(problem: string): string {
  const [first = "", ...rest] = problem.split("\n");
  const message = first.replace(/^config\.yaml:\d+:\d+ \S+: (warning: )?/, "");
  const hint = rest.map((line) => /= hint: (.*)$/.exec(line)?.[1]).find((found) => found !== undefined);
  return hint === undefined ? message : `${message}\n${hint}`;
}
