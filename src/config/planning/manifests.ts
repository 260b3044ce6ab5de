import type { Manifest } from "../schema.ts";
import type { Step } from "../steps/step.ts";

/** A manifest with a URL waits for the network. */
export function manifestStep({ name, content, url }: Manifest): Step {
  const file = /\.(ya?ml|json)$/.test(name) ? name : `${name}.yaml`;
  return url === undefined
    ? { phase: "boot", kind: "manifest", name: file, content: content ?? "" }
    : { phase: "runtime", kind: "remote-manifest", name: file, url };
}
