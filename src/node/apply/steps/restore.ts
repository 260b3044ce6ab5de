import { restoreFile } from "../written.ts";
import type { StepHandler } from "./handler.ts";

export const restore: StepHandler<"restore"> = {
  apply: (host, { path }) => restoreFile(host, path),
};
