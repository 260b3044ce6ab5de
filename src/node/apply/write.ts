import { render } from "../../config/steps/index.ts";
import type { RenderedFile } from "../../config/steps/kind.ts";
import type { Step } from "../../config/steps/step.ts";
import { parentOf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { originalText, writeNoted } from "./written.ts";

/** Writes the files of a step. They stay when the step disappears from the config. */
export function writeFiles(host: Host, step: Step): void {
  for (const file of filesOf(host, step)) writeFile(host, file);
}

/**
 * Writes the files of a step and saves their previous content, which is restored when the step disappears from the
 * config.
 */
export function writeNotedFiles(host: Host, step: Step): void {
  for (const file of filesOf(host, step)) writeNoted(host, file.path, () => writeFile(host, file));
}

/** Writes one file and makes its directory. */
export function writeFile(host: Host, { path, content, mode, owner }: RenderedFile): void {
  host.mkdir(parentOf(path));
  host.write(path, content, { mode });
  if (owner !== undefined) host.chown(path, owner);
}

function filesOf(host: Host, step: Step): readonly RenderedFile[] {
  return render(step, (path) => originalText(host, path)) ?? [];
}
