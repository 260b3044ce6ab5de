import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { readEntries, writeEntries } from "./account-files.ts";

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** An account of /etc/passwd (passwd(5)), by name. */
export function account(host: Host, name: string): Account | undefined {
  const fields = readEntries(host, "/etc/passwd").find((line) => line[0] === name);
  if (fields === undefined) return undefined;
  return { name, uid: Number(fields[2]), gid: Number(fields[3]), home: fields[5] ?? "/" };
}

/** The ids that chown(1) makes of `user`, `user:group`, `user:` or numbers; `undefined` if there is no such name. */
export function ownerIds(host: Host, owner: string): { uid: number | undefined; gid: number | undefined } | undefined {
  const [user = "", group] = owner.split(":");
  const found = account(host, user);
  const uid = user === "" ? undefined : /^\d+$/.test(user) ? Number(user) : found?.uid;
  const gid = group === undefined ? undefined : group === "" ? found?.gid : groupId(host, group);
  const unknown = (user !== "" && uid === undefined) || (group !== undefined && gid === undefined);
  return unknown ? undefined : { uid, gid };
}

/** The second field of a line of /etc/shadow (shadow(5)). */
export function passwordHash(host: Host, user: string): string | undefined {
  return readEntries(host, "/etc/shadow").find((line) => line[0] === user)?.[1];
}

/** Replaces a user's password in /etc/shadow. An empty hash allows a login without a password, where PAM allows it. */
export function setPasswordHash(host: Host, user: string, hash: string): void {
  const all = readEntries(host, "/etc/shadow");
  const fields = all.find((line) => line[0] === user);
  if (fields === undefined) throw new K3osError("config", `there is no user ${user}`);
  fields[1] = hash;
  writeEntries(host, "/etc/shadow", all);
}

function groupId(host: Host, group: string): number | undefined {
  if (/^\d+$/.test(group)) return Number(group);
  const fields = readEntries(host, "/etc/group").find((line) => line[0] === group);
  return fields === undefined ? undefined : Number(fields[2]);
}
