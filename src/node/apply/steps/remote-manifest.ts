import { isSeeded, seedManifest } from "../manifests.ts";
import type { StepHandler } from "./handler.ts";

export const remoteManifest: StepHandler<"remote-manifest"> = {
  observe: isSeeded,
  apply: async (host, step) => {
    const { fetchText } = await import("../fetch.ts");
    seedManifest(host, step, await fetchText(host, step.url));
  },
};
