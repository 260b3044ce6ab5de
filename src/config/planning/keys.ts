import type { Step } from "../steps/step.ts";

/** One step for the keys of the config and those fetched before, another one that fetches once there is a network. */
export function keySteps(user: string, entries: readonly string[]): Step[] {
  const lines = entries.flatMap((entry) => entry.split("\n").map((line) => line.trim()));
  const wanted = [...new Set(lines.filter((line) => line !== "" && !line.startsWith("#")))];
  const keys = wanted.filter((line) => remoteKeys(line) === undefined);
  const sources = wanted.flatMap((source) => {
    const url = remoteKeys(source);
    return url === undefined ? [] : [{ source, url }];
  });
  if (wanted.length === 0) return [];
  return [
    { phase: "boot", kind: "authorized-keys", user, keys, urls: sources.map(({ url }) => url) },
    ...(sources.length === 0 ? [] : [{ phase: "runtime", kind: "remote-keys", user, keys, sources } as const]),
  ];
}

function remoteKeys(entry: string): string | undefined {
  const [, site, name] = /^(github|gitlab):([\w.-]+)$/.exec(entry) ?? [];
  if (site !== undefined) return `https://${site}.com/${name}.keys`;
  return /^https?:\/\//.test(entry) ? entry : undefined;
}
