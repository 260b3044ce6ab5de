import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Tools } from "../../src/build/tools.ts";
import { startPiped } from "../../src/process/run.ts";

export interface Said {
  readonly status: number;
  readonly stdout: Uint8Array;
  readonly stderr: string;
}

/** Runs programs of the tools tree, one after the other. */
export interface Shell {
  say(argv: readonly string[], input?: string): Promise<Said>;
  close(): void;
}

/**
 * A shell that starts the programs. This process is large, and would take longer to start one than the program runs.
 * `directory` is for what they say.
 */
export function openShell(tools: Tools, directory: string, name: string): Shell {
  const shell = startPiped({ argv: ["sh"] });
  const [input, out, err] = ["in", "out", "err"].map((kind) => join(directory, `${name}.${kind}`)) as [
    string,
    string,
    string,
  ];
  let answer: ((status: number) => void) | undefined;
  let fail: ((error: Error) => void) | undefined;
  shell.stdout.setEncoding("utf8").on("data", (text: string) => answer?.(Number(text)));
  shell.stderr.resume();
  shell.on("close", () => fail?.(new Error("the shell ended that starts programs")));
  return {
    async say(argv, text = "") {
      const { argv: words } = tools.command(argv);
      writeFileSync(input, text);
      const status = await new Promise<number>((resolve, reject) => {
        [answer, fail] = [resolve, reject];
        shell.stdin.write(
          `${words.map(quoted).join(" ")} <${quoted(input)} >${quoted(out)} 2>${quoted(err)}; echo $?\n`,
        );
      });
      return { status, stdout: readFileSync(out), stderr: readFileSync(err, "utf8") };
    },
    close: () => void shell.stdin.end(),
  };
}

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;
