import type { StepHandler } from "./handler.ts";

export const noAccount: StepHandler<"no-account"> = {
  apply: async (host, { user }) => (await import("../change-accounts.ts")).removeAccount(host, user),
};
