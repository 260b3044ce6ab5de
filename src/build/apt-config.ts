import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ARCHITECTURES, type ArchitectureName } from "../image/architecture.ts";
import { runCommand } from "../process/run.ts";

/** An archive of packages as the build knows it. */
export interface Archive {
  /** How a lock calls it. */
  readonly name: string;
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** The file of keys that its index must be signed with. */
  readonly keyring: string;
}

export interface Patience {
  /** How long nothing may arrive. */
  readonly timeoutSeconds: number;
  /** How often a failed download is tried again. */
  readonly retries: number;
}

export const usualPatience: Patience = { timeoutSeconds: 15, retries: 1 };

/**
 * Writes the configuration of an apt with a state of its own into `directory`, and returns the environment that it goes
 * by.
 */
export async function aptEnvironment(
  directory: string,
  patience: Patience,
  architecture: ArchitectureName,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const hostConfig = await runCommand(["apt-config", "dump"], { signal });
  const configPath = join(directory, "apt.conf");
  writeFileSync(configPath, configText(directory, hostConfig, patience, architecture));
  return { APT_CONFIG: configPath, LC_ALL: "C" };
}

function configText(
  directory: string,
  hostConfig: string,
  { timeoutSeconds, retries }: Patience,
  architecture: ArchitectureName,
): string {
  const { debian } = ARCHITECTURES[architecture];
  const network = hostConfig
    .split("\n")
    .filter((line) => /^Acquire::(http|https|ftp|tor|Retries|Check-|AllowInsecure|Max-|ForceIPv|Proxy)/i.test(line))
    // A comma-free dump writes lists as `Name:: "value";`, which is also how a configuration file spells them.
    .join("\n");
  const quoted = (path: string) => JSON.stringify(join(directory, path));
  return `${network}
Acquire::http::Timeout "${timeoutSeconds}";
Acquire::https::Timeout "${timeoutSeconds}";
Acquire::Retries "${retries}";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Dir::State ${quoted(".")};
Dir::State::lists ${quoted("lists")};
Dir::Cache ${quoted(".")};
Dir::Cache::archives ${quoted("archives")};
Dir::Etc::sourcelist ${quoted("sources.list")};
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::main "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Architecture "${debian}";
APT::Architectures { "${debian}"; };
APT::Sandbox::User "root";
APT::Install-Recommends "false";
`;
}

/** What is in sources.list for these archives. */
export function sourcesText(archives: readonly Archive[]): string {
  const lines = archives.flatMap(({ uri, suites, components, keyring }) =>
    suites.map((suite) => `deb [signed-by=${keyring}] ${uri} ${suite} ${components.join(" ")}`),
  );
  return `${lines.join("\n")}\n`;
}
