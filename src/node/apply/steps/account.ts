import { observeAccount } from "../accounts.ts";
import type { StepHandler } from "./handler.ts";

export const account: StepHandler<"account"> = {
  observe: (host, { user }) => observeAccount(host, user),
  apply: async (host, step) => (await import("../change-accounts.ts")).makeAccount(host, step.user, step),
};
