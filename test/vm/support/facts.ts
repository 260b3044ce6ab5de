import type { Machine } from "../../../src/vm/machine.ts";

/** Commands of the shell of root by what their output tells. */
export type Questions = Readonly<Record<string, string>>;

/**
 * A config that has a machine answer questions on its console. That takes less than to wait for its services and to ask
 * over ssh. Where the machine has a state partition, it answers once that has grown.
 */
export function configThatTells(questions: Questions): string {
  const grown = "while [ -d /run/k3os/state ] && [ ! -s /run/k3os/state/k3os/filled ]; do sleep 0.1; done";
  const answers = Object.entries(questions).map(
    ([name, command]) => `echo "fact ${name} $( { ${command}; } 2>/dev/null | base64 | tr -d '\\n')."`,
  );
  const script = `(${[grown, ...answers, "echo no more facts"].join("\n")}) </dev/null >/dev/console 2>&1 &`;
  return JSON.stringify({ boot_cmd: [script] });
}

/** What the machine answered, without white space around it. */
export async function factsOf({ serial }: Machine, timeoutMs = 240_000): Promise<Readonly<Record<string, string>>> {
  const [told = ""] = await serial.expect(/(?:^fact \w+ \S*\.\n)[\s\S]*^no more facts/m, { timeoutMs });
  const answers = told.matchAll(/^fact (\w+) (\S*)\.$/gm);
  return Object.fromEntries(
    [...answers].map(([, name = "", answer = ""]) => [name, Buffer.from(answer, "base64").toString().trim()]),
  );
}
