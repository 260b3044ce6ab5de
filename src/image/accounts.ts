import type { BaseSpec } from "./spec.ts";

/**
 * The account files of /etc by name: base-passwd's lists (`passwd.master`, `group.master`) and what the spec adds.
 * Nobody has a password. A user without a `gid` gets a group of his own.
 */
export function accountFiles(
  master: { readonly passwd: string; readonly group: string },
  { users, groups }: Pick<BaseSpec, "users" | "groups">,
): Record<"passwd" | "group" | "shadow" | "gshadow", string> {
  const passwd = fields(master.passwd).map(([name, , ...rest]) => [name, "x", ...rest]);
  for (const { name, uid, gid = uid, comment, home, shell } of users) {
    passwd.push([name, "x", `${uid}`, `${gid}`, comment, home, shell]);
  }
  const own = users.filter(({ gid }) => gid === undefined).map(({ name, uid }) => ({ name, gid: uid }));
  const group = [
    ...fields(master.group).map(([name = "", , gid]) => ({ name, gid: Number(gid) })),
    ...own,
    ...groups,
  ].map(({ name, gid }) => {
    const members = users.filter((user) => user.groups.includes(name)).map((user) => user.name);
    return [name, "x", `${gid}`, members.join()];
  });
  // "*" is no password that anybody could type, yet, unlike "!", it lets sshd accept a key.
  const shadow = passwd.map(([name]) => [name, "*", "", "0", "99999", "7", "", "", ""]);
  const gshadow = group.map(([name, , , members]) => [name, "*", "", members]);
  const text = (lines: readonly (readonly (string | undefined)[])[]) =>
    lines.map((line) => `${line.join(":")}\n`).join("");
  return { passwd: text(passwd), group: text(group), shadow: text(shadow), gshadow: text(gshadow) };
}

function fields(text: string): string[][] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => line.split(":"));
}
