import type { StepKind } from "./kind.ts";

export const sysctl: StepKind<"sysctl"> = {
  describe: ({ key, value }) => `set sysctl ${key} = ${value}`,
  isSatisfied: ({ value }, current) => words(current) === words(value),
};

/** The kernel separates numbers with tabs. */
function words(text: string | undefined): string | undefined {
  return text?.trim().split(/\s+/).join(" ");
}
