import { K3osError } from "../errors.ts";
import type { ExecOptions, Host } from "./host.ts";

/** Runs a program that must succeed and returns its standard output. */
export async function run(host: Host, argv: readonly string[], options: ExecOptions = {}): Promise<string> {
  const result = await host.exec(argv, options);
  if (result.status === 0) return result.stdout;
  const said = result.stderr.trim().split("\n").slice(-3).join(" ");
  throw new K3osError("host", `${argv.join(" ")} ended with status ${result.status}${said ? `: ${said}` : ""}`);
}
