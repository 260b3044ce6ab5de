import {
  type Config,
  formatProblem,
  load,
  redact,
  toYaml,
  withoutInstall,
  withoutUserInfo,
} from "../../config/index.ts";
import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { fetchFile, isUrl } from "../fetch-file.ts";
import { WORK } from "./work.ts";

/** The config.yaml that the installed system gets. */
export interface NodeConfig {
  /** The exact bytes to write. */
  readonly text: string;
  readonly config: Config;
  /** Warnings as lines for people. They are no reason to refuse the config. */
  readonly warnings: readonly string[];
}

/**
 * Reads the config from a URL or a file and keeps its text. Throws `config` with all of its errors and their places.
 */
export async function fetchConfig(host: Host, place: string): Promise<NodeConfig> {
  return checkConfig(await readPlace(host, place), withoutUserInfo(place));
}

/** Makes the config from a value that the installer has put together. */
export function composeConfig(config: Config): NodeConfig {
  return checkConfig(toYaml(withoutInstall(config)), "config.yaml");
}

export function checkConfig(text: string, name: string): NodeConfig {
  const { config, problems, rejected } = load([{ name, kind: "system", text }]);
  const lines = (severity: string) => problems.filter((one) => one.severity === severity).map(formatProblem);
  if (rejected.length > 0) throw new K3osError("config", `${name} has errors\n${lines("error").join("\n")}`);
  return { text, config, warnings: lines("warning") };
}

/** The config to show to people: without its secrets, and without the keys for the installer. */
export function showConfig(config: Config): string {
  return toYaml(redact(withoutInstall(config))).trimEnd();
}

async function readPlace(host: Host, place: string): Promise<string> {
  if (!isUrl(place)) {
    const path = place.replace(/^file:\/\//, "");
    if (host.stat(path) === undefined) {
      throw new K3osError("config", `there is no file ${path}`, { hint: "Give the path of a file here, or a URL." });
    }
    return host.readText(path);
  }
  host.mkdir(WORK, { mode: 0o700 });
  const path = `${WORK}/config.yaml`;
  await fetchFile(host, place, path);
  try {
    return host.readText(path);
  } finally {
    host.remove(path);
  }
}
