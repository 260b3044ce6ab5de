import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleForQuickjs } from "../../src/build/bundle.ts";
import { toolsTree } from "../../src/build/index.ts";
import { K3osError } from "../../src/errors.ts";
import { nodeHost } from "../../src/host/node.ts";
import type { Fuzzed, Seed } from "./fuzz.ts";

/** The limit for a whole range: QuickJS is some thirty times slower than Node.js. */
const PATIENCE_MS = 120_000;

export interface QuickjsFuzzer {
  fuzz(range: { readonly seed: number; readonly from: number; readonly to: number }): Promise<Fuzzed>;
  close(): void;
}

/**
 * Judges ranges in QuickJS, the node's engine: its stack, regular expressions and Unicode differ from those of Node.js.
 */
export async function quickjsFuzzer(project: string, seeds: readonly Seed[]): Promise<QuickjsFuzzer> {
  const tools = await toolsTree();
  const directory = mkdtempSync(join(tmpdir(), "k3os-fuzz-"));
  const [program, file] = [join(directory, "fuzz.js"), join(directory, "seeds.json")];
  writeFileSync(program, await bundleForQuickjs(join(project, "bench/fuzz/quickjs-main.ts")));
  writeFileSync(file, JSON.stringify(seeds));
  return {
    async fuzz({ seed, from, to }) {
      const { argv, env } = tools.command(["qjs", "-m", program, file, `${seed}`, `${from}`, `${to}`]);
      const { status, stdout, stderr } = await nodeHost.exec(argv, { env, timeoutMs: PATIENCE_MS });
      if (status === 0) return JSON.parse(stdout) as Fuzzed;
      const what = status === 124 ? `is not done after ${PATIENCE_MS / 1000} s` : `ended with ${status}: ${stderr}`;
      throw new K3osError("config", `QuickJS, reading inputs ${from} to ${to} of seed ${seed}, ${what}.`);
    },
    close: () => rmSync(directory, { recursive: true }),
  };
}
