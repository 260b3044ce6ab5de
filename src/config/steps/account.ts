import type { StepKind } from "./kind.ts";

export const account: StepKind<"account"> = {
  describe: ({ user, sudo }) => `make the account ${user}${sudo ? ", which may become root" : ""}`,
  isSatisfied: ({ shell, groups, sudo }, found) =>
    found !== undefined && found.shell === shell && found.sudo === sudo && found.groups.join() === groups.join(),
};
