import { K3osError } from "../errors.ts";

export const defaultName = "k3os";

/** A `./k3os` command line to show the user; `--name` appears only where it is needed. */
export function commandFor(verb: string, name: string, ...rest: readonly string[]): string {
  return ["./k3os", verb, ...(name === defaultName ? [] : ["--name", name]), ...rest].join(" ");
}

/** Checks the name of a machine. It becomes the node's host name and Kubernetes' node name, so their rules hold. */
export function checkName(name: string): string {
  if (/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) return name;
  throw new K3osError("usage", `"${name}" cannot be the name of a machine.`, {
    hint: "Use up to 63 lower-case letters, digits and hyphens; the first and last one no hyphen.",
  });
}
