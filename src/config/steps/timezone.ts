import type { StepKind } from "./kind.ts";

/** A link to a file below /usr/share/zoneinfo. */
export const LOCALTIME = "/etc/localtime";

export const timezone: StepKind<"timezone"> = {
  describe: ({ zone }) => `use time zone ${zone}`,
  paths: () => [LOCALTIME],
  isSatisfied: ({ zone }, current) => current === zone,
};
