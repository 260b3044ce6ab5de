import { CLOUD_NAMES, isCloudName } from "../../config/clouds.ts";
import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { SOURCE_FILES, type SourceFiles } from "../sources/source-files.ts";
import { namedSources, readSource } from "../sources/sources.ts";
import { parseArguments } from "./arguments.ts";

/**
 * `k3os sources`: asks the data sources of this node again, and prints which of them answer and what they have. Changes
 * nothing. `--only NAME` asks that one, whether or not the node's configuration names it. Returns 1 if none answers.
 */
export async function sourcesCommand(host: Host, args: readonly string[]): Promise<number> {
  const options = parseArguments(args, { flags: ["--json"], values: ["--only"] });
  const only = options["--only"];
  if (only !== undefined && only !== "cdrom" && !/^file=\/./.test(only) && !isCloudName(only)) {
    const hint = `Known: cdrom, file=/PATH, ${CLOUD_NAMES.join(", ")}.`;
    throw new K3osError("usage", `there is no data source "${only}"`, { hint });
  }
  if (!/^Uid:\s+0\s/m.test(host.readText("/proc/self/status"))) {
    throw new K3osError("usage", "what a data source says is for root", { hint: "Write sudo before it." });
  }
  const answers = [];
  for (const source of only === undefined ? namedSources(host) : [only]) {
    const files = await readSource(host, source, Promise.resolve(), async () => {});
    answers.push({ source, answers: files !== undefined, has: sizes(files ?? {}) });
  }
  if (options["--json"]) console.log(JSON.stringify({ sources: answers }));
  else for (const answer of answers) console.log(line(answer.source, answer.answers, answer.has));
  return answers.some((one) => one.answers) ? 0 : 1;
}

function sizes(files: SourceFiles): Readonly<Record<string, number>> {
  const had = SOURCE_FILES.flatMap((name) => (files[name] === undefined ? [] : [[name, files[name].length] as const]));
  return Object.fromEntries(had);
}

function line(source: string, answers: boolean, has: Readonly<Record<string, number>>): string {
  const parts = Object.entries(has).map(([name, size]) => `${name} (${size} bytes)`);
  return `${source.padEnd(12)} ${answers ? parts.join(", ") || "answers, and has nothing" : "does not answer"}`;
}
