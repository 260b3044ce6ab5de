import { type BuiltImage, build } from "../../../src/build/index.ts";
import { runCommand } from "../../../src/process/run.ts";

let built: Promise<BuiltImage> | undefined;

/** The image of this repository, looked up once for a file of tests. */
export function builtImage(): Promise<BuiltImage> {
  built ??= build();
  return built;
}

/** Runs a program of the tools tree and returns what it printed; throws if it fails. */
export async function tool(...argv: string[]): Promise<string> {
  const { tools } = await builtImage();
  const command = tools.command(argv);
  return runCommand(command.argv, { env: command.env });
}
