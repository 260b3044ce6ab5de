import type { StepKind } from "./kind.ts";

export const REGISTRIES = "/etc/rancher/k3s/registries.yaml";

export const registries: StepKind<"registries"> = {
  describe: () => "configure the registries that images come from",
  files: ({ content }) => [{ path: REGISTRIES, content, mode: 0o600 }],
  isReadByK3s: () => true,
};
