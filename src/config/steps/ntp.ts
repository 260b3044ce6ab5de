import type { StepKind } from "./kind.ts";

export const CHRONY_SOURCES = "/etc/chrony/sources.d/k3os.sources";

export const ntp: StepKind<"ntp"> = {
  describe: ({ servers }) => `use time servers ${servers.join(" ")}`,
  files: ({ servers }) => {
    const content = servers.map((server) => `server ${server} iburst\n`).join("");
    return [{ path: CHRONY_SOURCES, content, mode: 0o644 }];
  },
};
