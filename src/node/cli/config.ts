import {
  canonicalPath,
  describeStep,
  formatProblem,
  type Loaded,
  MACHINE_CONFIG,
  redact,
  schema,
  toYaml,
  withoutInstall,
} from "../../config/index.ts";
import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { planConfig } from "../apply/plan-config.ts";
import { loadConfig } from "../layers.ts";
import { parseArguments } from "./arguments.ts";

/**
 * `k3os config`: prints the merged value without its secrets, what applying would change (`--plan`), or where a value
 * comes from (`--why KEY`). `--dump` and `--dump-json` are from old k3OS: they print the value with its secrets,
 * without `k3os.install`. Returns 1 if a layer was rejected.
 */
export async function configCommand(host: Host, args: readonly string[]): Promise<number> {
  const options = parseArguments(args, { flags: ["--json", "--plan", "--dump", "--dump-json"], values: ["--why"] });
  const loaded = loadConfig(host);
  if (options["--why"] !== undefined) return why(loaded, options["--why"], options["--json"] !== undefined);
  const { config, provenance, problems, rejected } = loaded;
  const steps = options["--plan"] ? planConfig(host, loaded).due.map(describeStep) : undefined;
  if (options["--dump-json"]) console.log(JSON.stringify(withoutInstall(config)));
  else if (options["--dump"]) console.log(toYaml(withoutInstall(config)).trimEnd() || "{}");
  else if (options["--json"]) {
    console.log(JSON.stringify({ config: redact(config), provenance, problems, rejected, plan: steps }));
  } else {
    console.log((steps === undefined ? toYaml(redact(config)).trimEnd() : steps.join("\n")) || "# nothing");
  }
  if (!options["--json"]) for (const problem of problems) host.warn(`${formatProblem(problem)}\n`);
  return rejected.length > 0 ? 1 : 0;
}

/** Explains a key, or every key below it that a layer sets. */
function why({ provenance }: Loaded, key: string, json: boolean): number {
  const path = canonicalPath(schema, key);
  const found = Object.entries(provenance).filter(([name]) => name === path || name.startsWith(`${path}.`));
  if (path === undefined || found.length === 0) {
    throw new K3osError(
      "usage",
      path === undefined ? `there is no key ${key}` : `no layer says anything about ${path}`,
      {
        hint: `Keys that are set: ${Object.keys(provenance).join(", ") || "none"}.`,
      },
    );
  }
  if (json) console.log(JSON.stringify(Object.fromEntries(found)));
  else {
    for (const [name, origin] of found) {
      console.log(`${name} comes from ${place(origin)}`);
      if (origin.added !== undefined) console.log(`  and from ${place(origin.added)}`);
      for (const other of origin.merged ?? []) console.log(`  and from ${place(other)}`);
      for (const other of origin.overrides) console.log(`  instead of ${place(other)}`);
    }
  }
  return 0;
}

function place({ layer, line, column }: { layer: string; line: number; column: number }): string {
  // Its text on this node has lines that nobody has seen.
  if (layer.startsWith(MACHINE_CONFIG)) return layer;
  return `${layer}:${line}:${column}`;
}
