import { quote } from "../quote.ts";
import { redactArguments } from "../secrets.ts";
import type { StepKind } from "./kind.ts";
import type { Step } from "./step.ts";

export const K3S_CONF = "/etc/conf.d/k3s";
export const K3S_ENVIRONMENT = "/etc/rancher/k3s/k3s-service.env";

export const k3s: StepKind<"k3s"> = {
  describe: ({ role, args }) => ["configure k3s", role, ...redactArguments(args)].join(" "),
  files: filesOf,
  // Labels and taints count only when a node registers.
  isReadByK3s: (step, seen) =>
    filesOf(step).some(({ path, content }) => withoutLabels(seen[path] ?? "") !== withoutLabels(content)),
};

/**
 * Two files of shell assignments. In /etc/conf.d/k3s, `K3S_ARGS` holds role and arguments, each quoted for the `eval`
 * of `command_args` in OpenRC's supervise-daemon. The other file holds the environment, including secrets.
 */
function filesOf({ role, args, environment }: Step<"k3s">) {
  const words = [role, ...args].map(quote).join(" ");
  const lines = Object.entries(environment).map(([name, value]) => `${name}=${quote(value)}\n`);
  return [
    { path: K3S_CONF, content: `K3S_ARGS=${quote(words)}\n`, mode: 0o644 },
    { path: K3S_ENVIRONMENT, content: lines.sort().join(""), mode: 0o600 },
  ];
}

function withoutLabels(text: string): string {
  return text.replace(/ --node-(label|taint)=[^\s']*/g, "");
}
