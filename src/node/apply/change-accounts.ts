import type { ObservedAccount } from "../../config/steps/kind.ts";
import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { readEntries, writeEntries } from "./account-files.ts";
import { COMMENT, membersOf, sudoersOf } from "./accounts.ts";
import { makeHome } from "./homes.ts";
import { account, setPasswordHash } from "./users.ts";

/** The image's accounts have smaller numbers. */
const FIRST_UID = 1001;

/**
 * Makes an account, or changes an existing one to match. /etc starts afresh at every boot and /home does not, so an
 * existing home's owner determines the number. Otherwise it is the lowest number that no account and no home has.
 */
export function makeAccount(host: Host, user: string, { shell, groups, sudo }: ObservedAccount): void {
  const existing = account(host, user);
  if (existing !== undefined && existing.uid < FIRST_UID) {
    throw new K3osError("config", `${user} is an account of the system`, { hint: "Choose another name." });
  }
  if (host.stat(shell) === undefined) throw new K3osError("config", `there is no shell ${shell}`);
  const known = new Map(readEntries(host, "/etc/group").map(([name = "", , id]) => [name, Number(id)]));
  if ((known.get(user) ?? FIRST_UID) < FIRST_UID) {
    throw new K3osError("config", `${user} is a group of the system`, { hint: "Choose another name." });
  }
  const missing = groups.find((group) => !known.has(group));
  if (missing !== undefined) throw new K3osError("config", `there is no group ${missing}`);

  const home = `/home/${user}`;
  const id = existing?.uid ?? freeId(host, home);
  setGroups(host, user, id, groups);
  if (existing === undefined) {
    const shadow = readEntries(host, "/etc/shadow").filter(([name]) => name !== user);
    writeEntries(host, "/etc/shadow", [...shadow, [user, "*", "", "0", "99999", "7", "", "", ""]]);
  }
  const others = readEntries(host, "/etc/passwd").filter(([name]) => name !== user);
  writeEntries(host, "/etc/passwd", [...others, [user, "x", `${id}`, `${id}`, COMMENT, home, shell]]);
  makeHome(host, home, id);
  setSudo(host, user, sudo);
}

/** Removes an account that `makeAccount` made. Its home stays. */
export function removeAccount(host: Host, user: string): void {
  setSudo(host, user, false);
  setPasswordHash(host, user, "!");
  for (const path of ["/etc/passwd", "/etc/shadow"]) {
    writeEntries(
      host,
      path,
      readEntries(host, path).filter(([name]) => name !== user),
    );
  }
  const groups = readEntries(host, "/etc/group").filter(([name]) => name !== user);
  writeEntries(
    host,
    "/etc/group",
    groups.map((line) => withMember(line, user, false)),
  );
}

function freeId(host: Host, home: string): number {
  const owner = host.stat(home)?.uid ?? 0;
  const accounts = readEntries(host, "/etc/passwd").map((line) => Number(line[2]));
  if (owner >= FIRST_UID && !accounts.includes(owner)) return owner;
  const homes = host.list("/home").map((name) => host.stat(`/home/${name}`)?.uid ?? 0);
  const taken = new Set([...accounts, ...homes]);
  let id = FIRST_UID;
  while (taken.has(id)) id++;
  return id;
}

function setGroups(host: Host, user: string, id: number, groups: readonly string[]): void {
  const others = readEntries(host, "/etc/group").filter(([name]) => name !== user);
  const wanted = others.map((line) => withMember(line, user, groups.includes(line[0] ?? "")));
  writeEntries(host, "/etc/group", [...wanted, [user, "x", `${id}`, ""]]);
}

function withMember(line: readonly string[], user: string, member: boolean): string[] {
  const others = membersOf(line).filter((name) => name !== user);
  return [...line.slice(0, 3), [...others, ...(member ? [user] : [])].join(",")];
}

function setSudo(host: Host, user: string, sudo: boolean): void {
  if (sudo) host.write(sudoersOf(user), `${user} ALL=(ALL) NOPASSWD: ALL\n`, { mode: 0o440 });
  else host.remove(sudoersOf(user));
}
