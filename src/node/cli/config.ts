import { describe, formatProblem, pending, plan, redact, toYaml } from "../../config/index.ts";
import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { observe } from "../apply/observe.ts";
import { readFacts } from "../facts.ts";
import { loadConfig } from "../layers.ts";
import { parseArguments } from "./arguments.ts";

/**
 * `k3os config`: the merged value without its secrets, what applying would change (`--plan`), where a value comes from
 * (`--why KEY`). Ends with 1 if a layer was rejected.
 */
export async function configCommand(host: Host, args: readonly string[]): Promise<number> {
  const options = parseArguments(args, { flags: ["--json", "--plan"], values: ["--why"] });
  const { config, provenance, problems, rejected } = loadConfig(host);
  const shown = redact(config);
  const steps = options["--plan"] ? pending(plan(config, readFacts(host)), observe(host)).map(describe) : undefined;

  if (options["--why"] !== undefined) return why(provenance, options["--why"]);
  if (options["--json"]) console.log(JSON.stringify({ config: shown, provenance, problems, rejected, plan: steps }));
  else {
    console.log((steps === undefined ? toYaml(shown).trimEnd() : steps.join("\n")) || "# nothing");
    for (const problem of problems) host.warn(`${formatProblem(problem)}\n`);
  }
  return rejected.length > 0 ? 1 : 0;
}

function why(provenance: ReturnType<typeof loadConfig>["provenance"], key: string): number {
  const found = provenance[key];
  if (found === undefined) {
    throw new K3osError("usage", `no layer says anything about ${key}`, {
      hint: `Keys that are set: ${Object.keys(provenance).join(", ") || "none"}.`,
    });
  }
  console.log(`${key} comes from ${place(found)}`);
  for (const other of found.overrides) console.log(`  instead of ${place(other)}`);
  return 0;
}

function place({ layer, line, column }: { layer: string; line: number; column: number }): string {
  return `${layer}:${line}:${column}`;
}
