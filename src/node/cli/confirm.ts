import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";

interface Question {
  /** What will be lost, in whole lines. */
  readonly warning: string;
  /** The word that somebody has to type. */
  readonly word: string;
  /** The command, as an error calls it. */
  readonly command: string;
}

/** Asks on the terminal whether something may be lost. Throws if there is none. */
export async function isConfirmed(host: Host, { warning, word, command }: Question): Promise<boolean> {
  const terminal = await host.exec(["test", "-t", "0"]);
  if (terminal.status !== 0) {
    throw new K3osError("usage", `${command} cannot be confirmed without a terminal`, {
      hint: `Without a question: ${command} --yes`,
    });
  }
  host.warn(`${warning}\nType "${word}" to go on: `);
  const { stdout } = await host.exec(["head", "-n", "1"]);
  if (stdout.trim() === word) return true;
  host.warn("Nothing was changed.\n");
  return false;
}
