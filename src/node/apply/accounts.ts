import type { ObservedAccount } from "../../config/index.ts";
import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { account, setPasswordHash } from "./users.ts";

/** Accounts of the image have smaller numbers. */
const FIRST_UID = 1001;
/** Tells the accounts that steps made from those that somebody added by hand. */
const COMMENT = "k3OS config";
const SKELETON = "/etc/skel";

/**
 * Makes an account, or changes it to what is wanted: /etc begins anew at every boot, /home does not. So the owner of a home that is
 * there tells the number, else it is the lowest that neither an account nor a home has.
 */
export function makeAccount(host: Host, user: string, { shell, groups, sudo }: ObservedAccount): void {
  const existing = account(host, user);
  if (existing !== undefined && existing.uid < FIRST_UID) {
    throw new K3osError("config", `${user} is an account of the system`, { hint: "Choose another name." });
  }
  if (host.stat(shell) === undefined) throw new K3osError("config", `there is no shell ${shell}`);
  const known = new Map(readLines(host, "/etc/group").map(([name = "", , id]) => [name, Number(id)]));
  if ((known.get(user) ?? FIRST_UID) < FIRST_UID) {
    throw new K3osError("config", `${user} is a group of the system`, { hint: "Choose another name." });
  }
  const missing = groups.find((group) => !known.has(group));
  if (missing !== undefined) throw new K3osError("config", `there is no group ${missing}`);

  const home = `/home/${user}`;
  const id = existing?.uid ?? freeId(host, home);
  setGroups(host, user, id, groups);
  if (existing === undefined) {
    const shadow = readLines(host, "/etc/shadow").filter(([name]) => name !== user);
    writeLines(host, "/etc/shadow", [...shadow, [user, "*", "", "0", "99999", "7", "", "", ""]]);
  }
  const others = readLines(host, "/etc/passwd").filter(([name]) => name !== user);
  writeLines(host, "/etc/passwd", [...others, [user, "x", `${id}`, `${id}`, COMMENT, home, shell]]);
  makeHome(host, home, id);
  setSudo(host, user, sudo);
}

/** Takes an account away that `makeAccount` made. Its home stays. */
export function removeAccount(host: Host, user: string): void {
  setSudo(host, user, false);
  setPasswordHash(host, user, "!");
  for (const path of ["/etc/passwd", "/etc/shadow"]) {
    writeLines(
      host,
      path,
      readLines(host, path).filter(([name]) => name !== user),
    );
  }
  const groups = readLines(host, "/etc/group").filter(([name]) => name !== user);
  writeLines(
    host,
    "/etc/group",
    groups.map((line) => withMember(line, user, false)),
  );
}

/** What `makeAccount` would have to change. */
export function observeAccount(host: Host, user: string): ObservedAccount | undefined {
  const fields = readLines(host, "/etc/passwd").find(([name]) => name === user);
  if (fields === undefined) return undefined;
  const groups = readLines(host, "/etc/group").filter((line) => membersOf(line).includes(user));
  return {
    shell: fields[6] ?? "",
    groups: groups.map(([name = ""]) => name).sort(),
    sudo: host.stat(sudoers(user)) !== undefined,
  };
}

/** The accounts that `makeAccount` made. */
export function madeAccounts(host: Host): string[] {
  const made = readLines(host, "/etc/passwd").filter((line) => line[4] === COMMENT);
  return made.map(([name = ""]) => name);
}

function freeId(host: Host, home: string): number {
  const owner = host.stat(home)?.uid ?? 0;
  const accounts = readLines(host, "/etc/passwd").map((line) => Number(line[2]));
  if (owner >= FIRST_UID && !accounts.includes(owner)) return owner;
  const homes = host.list("/home").map((name) => host.stat(`/home/${name}`)?.uid ?? 0);
  const taken = new Set([...accounts, ...homes]);
  let id = FIRST_UID;
  while (taken.has(id)) id++;
  return id;
}

function setGroups(host: Host, user: string, id: number, groups: readonly string[]): void {
  const others = readLines(host, "/etc/group").filter(([name]) => name !== user);
  const wanted = others.map((line) => withMember(line, user, groups.includes(line[0] ?? "")));
  writeLines(host, "/etc/group", [...wanted, [user, "x", `${id}`, ""]]);
}

function withMember(line: readonly string[], user: string, member: boolean): string[] {
  const others = membersOf(line).filter((name) => name !== user);
  return [...line.slice(0, 3), [...others, ...(member ? [user] : [])].join(",")];
}

function membersOf(line: readonly string[]): string[] {
  return (line[3] ?? "").split(",").filter((name) => name !== "");
}

/** Makes a home with what the image gives new ones. One that is there keeps what it holds. */
export function makeHome(host: Host, home: string, id: number): void {
  if (host.stat(home)?.uid === id) return;
  if (host.stat(home) === undefined) {
    host.mkdir(home, { mode: 0o700 });
    const files = host.stat(SKELETON) === undefined ? [] : host.list(SKELETON);
    for (const name of files.filter((one) => host.stat(`${SKELETON}/${one}`)?.type === "file")) {
      host.write(`${home}/${name}`, host.read(`${SKELETON}/${name}`));
      host.chown(`${home}/${name}`, `${id}:${id}`);
    }
  }
  host.chown(home, `${id}:${id}`);
}

function setSudo(host: Host, user: string, sudo: boolean): void {
  if (sudo) host.write(sudoers(user), `${user} ALL=(ALL) NOPASSWD: ALL\n`, { mode: 0o440 });
  else host.remove(sudoers(user));
}

const sudoers = (user: string): string => `/etc/sudoers.d/${user}`;

function readLines(host: Host, path: string): string[][] {
  const lines = host.readText(path).split("\n");
  return lines.filter((line) => line !== "").map((line) => line.split(":"));
}

function writeLines(host: Host, path: string, lines: readonly (readonly string[])[]): void {
  const before = host.stat(path);
  host.write(path, lines.map((line) => `${line.join(":")}\n`).join(""));
  // A file that is replaced is root's alone.
  if (before !== undefined && before.gid !== 0) host.chown(path, `${before.uid}:${before.gid}`);
}
