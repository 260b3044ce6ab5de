import type { ObservedAccount } from "../../config/steps/kind.ts";
import type { Host } from "../../host/host.ts";
import { readEntries } from "./account-files.ts";

/** The comment of accounts that steps made. It tells them from accounts that were added by hand. */
export const COMMENT = "k3OS config";

/** The account in the form of a step; `undefined` if there is none of this name. */
export function observeAccount(host: Host, user: string): ObservedAccount | undefined {
  const fields = readEntries(host, "/etc/passwd").find(([name]) => name === user);
  if (fields === undefined) return undefined;
  const groups = readEntries(host, "/etc/group").filter((line) => membersOf(line).includes(user));
  return {
    shell: fields[6] ?? "",
    groups: groups.map(([name = ""]) => name).sort(),
    sudo: host.stat(sudoersOf(user)) !== undefined,
  };
}

/** The names of the accounts that steps made. */
export function madeAccounts(host: Host): string[] {
  const made = readEntries(host, "/etc/passwd").filter((line) => line[4] === COMMENT);
  return made.map(([name = ""]) => name);
}

/** The members that a line of /etc/group lists. */
export function membersOf(line: readonly string[]): string[] {
  return (line[3] ?? "").split(",").filter((name) => name !== "");
}

/** The file that lets a user become root. */
export const sudoersOf = (user: string): string => `/etc/sudoers.d/${user}`;
