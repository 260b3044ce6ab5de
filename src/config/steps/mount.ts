import type { StepKind } from "./kind.ts";

export const mount: StepKind<"mount"> = {
  describe: ({ device, path, format }) => `mount ${device} on ${path}${format ? ", made if it is empty" : ""}`,
  isSatisfied: (_, isMounted) => isMounted,
};
