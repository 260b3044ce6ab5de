import { ENVIRONMENT } from "./environment.ts";
import type { StepKind } from "./kind.ts";

export const file: StepKind<"file"> = {
  describe: ({ path, mode }) => `write ${path} (${mode.toString(8).padStart(4, "0")})`,
  files: ({ path, content, mode, owner, encoding }) =>
    encoding === undefined ? [{ path, content, mode, ...(owner !== undefined && { owner }) }] : undefined,
  paths: ({ path }) => [path],
  isReadByK3s: ({ path }) => path.startsWith("/etc/rancher/k3s/") || path === ENVIRONMENT,
};
