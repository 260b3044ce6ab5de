import { digestOf } from "../../config/digest.ts";
import type { Step } from "../../config/steps/step.ts";
import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";

const MANIFESTS = "/var/lib/rancher/k3s/server/manifests";
/** One file for each manifest that was written: the digests of the config's text and of the written text. */
const SEEDED = "/var/lib/rancher/k3os/manifests";

export type ManifestStep = Step<"manifest" | "remote-manifest">;

/**
 * Whether nothing has to be done. That is so if the manifest was already written, or if the file is the user's: edited
 * or deleted since, or there before. Only a manifest that is unchanged since it was written follows the config.
 */
export function isSeeded(host: Host, step: ManifestStep): boolean {
  const written = readTextIf(host, `${MANIFESTS}/${step.name}`);
  const seeded = readTextIf(host, `${SEEDED}/${step.name}`)?.split("\n");
  if (seeded === undefined) return written !== undefined;
  const untouched = written !== undefined && digestOf(written) === seeded[1];
  return !untouched || seeded[0] === sourceOf(step);
}

/**
 * Writes a manifest to k3s's directory, and then notes it. After an interruption between the two, the manifest counts
 * as the user's.
 */
export function seedManifest(host: Host, step: ManifestStep, content: string): void {
  host.mkdir(MANIFESTS);
  host.mkdir(SEEDED);
  host.write(`${MANIFESTS}/${step.name}`, content, { mode: 0o600 });
  host.write(`${SEEDED}/${step.name}`, `${sourceOf(step)}\n${digestOf(content)}\n`, { mode: 0o600 });
}

function sourceOf(step: ManifestStep): string {
  return digestOf(step.kind === "manifest" ? step.content : step.url);
}
