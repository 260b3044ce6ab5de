import type { Step } from "../plan.ts";
import type { User } from "../schema.ts";

/** Where the hash belongs: nobody has a password of this hash. */
const NO_PASSWORD = "*";

/** An account, then what lets somebody in. */
export function userSteps({ name, shell = "/bin/bash", groups = [], sudo = false, ...access }: User): Step[] {
  return [
    { phase: "boot", kind: "account", user: name, shell, groups: [...new Set(groups)].sort(), sudo },
    passwordStep(name, access.password ?? NO_PASSWORD),
    ...keySteps(name, access.ssh_authorized_keys ?? []),
  ];
}

export function passwordStep(user: string, password: string): Step {
  const hashed = password.startsWith("$") || password === NO_PASSWORD;
  return { phase: "boot", kind: "password", user, password, hashed };
}

/** Keys that are in the config, and those to be fetched once there is a network. */
export function keySteps(user: string, entries: readonly string[]): Step[] {
  const lines = entries.flatMap((entry) => entry.split("\n").map((line) => line.trim()));
  const wanted = [...new Set(lines.filter((line) => line !== "" && !line.startsWith("#")))];
  const keys = wanted.filter((line) => remoteKeys(line) === undefined);
  return [
    ...(keys.length === 0 ? [] : [{ phase: "boot", kind: "authorized-keys", user, keys } as const]),
    ...wanted.flatMap((source) => {
      const url = remoteKeys(source);
      return url === undefined ? [] : [{ phase: "runtime", kind: "remote-keys", user, source, url } as const];
    }),
  ];
}

function remoteKeys(entry: string): string | undefined {
  const [, site, name] = /^(github|gitlab):([\w.-]+)$/.exec(entry) ?? [];
  if (site !== undefined) return `https://${site}.com/${name}.keys`;
  return /^https?:\/\//.test(entry) ? entry : undefined;
}
