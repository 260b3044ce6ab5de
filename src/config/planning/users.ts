import type { User } from "../schema.ts";
import { NO_PASSWORD } from "../steps/password.ts";
import type { Step } from "../steps/step.ts";
import { keySteps } from "./keys.ts";

/** The account first, then its password and keys. */
export function userSteps({ name, shell = "/bin/bash", groups = [], sudo = false, ...access }: User): Step[] {
  return [
    { phase: "boot", kind: "account", user: name, shell, groups: [...new Set(groups)].sort(), sudo },
    passwordStep(name, access.password ?? NO_PASSWORD),
    ...keySteps(name, access.ssh_authorized_keys ?? []),
  ];
}

export function passwordStep(user: string, password: string): Step {
  const hashed = password.startsWith("$") || password === NO_PASSWORD;
  return { phase: "boot", kind: "password", user, password, hashed };
}
