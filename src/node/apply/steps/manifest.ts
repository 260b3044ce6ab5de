import { isSeeded, seedManifest } from "../manifests.ts";
import type { StepHandler } from "./handler.ts";

export const manifest: StepHandler<"manifest"> = {
  observe: isSeeded,
  apply: (host, step) => seedManifest(host, step, step.content),
};
