import { quote } from "../quote.ts";
import type { StepKind } from "./kind.ts";

export const ENVIRONMENT = "/etc/environment";

export const environment: StepKind<"environment"> = {
  describe: ({ variables }) => `set ${Object.keys(variables).join(", ")} in ${ENVIRONMENT}`,
  files: ({ variables }, read) => [
    { path: ENVIRONMENT, content: environmentText(variables, read(ENVIRONMENT) ?? ""), mode: 0o644 },
  ],
  isReadByK3s: () => true,
};

/**
 * /etc/environment with the variables set. Existing variables keep their line, the others are appended. Applied to its
 * own result it changes nothing.
 */
export function environmentText(variables: Readonly<Record<string, string>>, existing: string): string {
  const left = new Map(Object.entries(variables));
  const lines: string[] = [];
  for (const line of existing.split("\n")) {
    const name = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=/.exec(line)?.[1];
    if (name === undefined || !Object.hasOwn(variables, name)) lines.push(line);
    else if (left.has(name)) lines.push(assignment(name, left.get(name) ?? ""));
    if (name !== undefined) left.delete(name);
  }
  if (left.size > 0 && lines.at(-1) === "") lines.pop();
  for (const [name, value] of left) lines.push(assignment(name, value));
  return left.size > 0 ? `${lines.join("\n")}\n` : lines.join("\n");
}

/** An assignment for both pam_env, which supports quotes but no escapes, and a shell. */
function assignment(name: string, value: string): string {
  return `${name}=${value.includes("'") ? `"${value.replace(/["\\$`]/g, "\\$&")}"` : quote(value)}`;
}
