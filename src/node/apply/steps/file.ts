import type { Step } from "../../../config/steps/step.ts";
import type { Host } from "../../../host/host.ts";
import { run } from "../../../host/run.ts";
import { writeFile, writeFiles } from "../write.ts";
import type { StepHandler } from "./handler.ts";

export const file: StepHandler<"file"> = {
  apply: (host, step) => (step.encoding === "gzip" ? writeUnpacked(host, step) : writeFiles(host, step)),
};

async function writeUnpacked(host: Host, { path, content, mode, owner }: Step<"file">): Promise<void> {
  writeFile(host, { path: `${path}.gz.tmp`, content, mode: 0o600 });
  writeFile(host, { path: `${path}.tmp`, content: "", mode: 0o600 });
  await run(host, ["sh", "-c", 'gzip -dc <"$0.gz.tmp" >"$0.tmp"', path]);
  host.remove(`${path}.gz.tmp`);
  host.chmod(`${path}.tmp`, mode);
  if (owner !== undefined) host.chown(`${path}.tmp`, owner);
  host.rename(`${path}.tmp`, path);
}
