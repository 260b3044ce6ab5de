import { isMounted } from "../../mounts.ts";
import type { StepHandler } from "./handler.ts";

export const mount: StepHandler<"mount"> = {
  observe: (host, { path }) => isMounted(host, path),
  apply: async (host, step) => (await import("../mount-volume.ts")).mountVolume(host, step),
};
