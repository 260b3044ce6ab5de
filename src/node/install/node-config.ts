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
  /** Byte for byte what is written. */
  readonly text: string;
  readonly config: Config;
  /** What is strange about it and no reason to refuse it, as lines for people. */
  readonly warnings: readonly string[];
}

/** From a URL or a file; kept as its author wrote it. Throws `config` with every error that it has, in their places. */
export async function fetchConfig(host: Host, place: string): Promise<NodeConfig> {
  return checkConfig(await readPlace(host, place), withoutUserInfo(place));
}

/** Of a value that the installer has put together. */
export function composeConfig(config: Config): NodeConfig {
  return checkConfig(toYaml(withoutInstall(config)), "config.yaml");
}

export function checkConfig(text: string, name: string): NodeConfig {
  const { config, problems, rejected } = load([{ name, kind: "system", text }]);
  const lines = (severity: string) => problems.filter((one) => one.severity === severity).map(formatProblem);
  if (rejected.length > 0) throw new K3osError("config", `${name} has errors\n${lines("error").join("\n")}`);
  return { text, config, warnings: lines("warning") };
}

/** The config as people may see it: without its secrets, and without what concerns only the installer. */
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
