import type { Kind, StructOf } from "./kinds.ts";

/** `sshAuthorizedKeys`, `ssh_authorized_keys`, `SSHAuthorizedKeys` and `sshauthorizedkeys` are the same name. */
export function squash(name: string): string {
  return name.replace(/[_-]/g, "").toLowerCase();
}

/** Words below `k3os.` on the kernel's command line that control the boot and are not config. */
export const BOOT_WORDS: ReadonlySet<string> = new Set([
  "mode",
  "fallback_mode",
  "debug",
  "dev",
  "root",
  "slot",
  "env",
  "trial",
  "cluster_config",
]);

/** The canonical keys of each struct, by squashed spelling. */
const tables = new WeakMap<StructOf, Map<string, string>>();

function tableOf(struct: StructOf): Map<string, string> {
  let table = tables.get(struct);
  if (table === undefined) {
    table = new Map();
    for (const [name, kind] of Object.entries(struct.keys)) {
      for (const alias of [name, ...(kind.aliases ?? [])]) table.set(squash(alias), name);
      const singular = squash(name).replace(/s$/, "");
      if ((kind.kind === "list" || kind.kind === "map") && !table.has(singular)) table.set(singular, name);
    }
    tables.set(struct, table);
  }
  return table;
}

/** The canonical name of a key in any spelling; `undefined` if the struct has no such key. */
export function canonical(struct: StructOf, key: string): string | undefined {
  return tableOf(struct).get(squash(key));
}

/** Patterns for the other spellings of a key that people use. `canonical` accepts more. */
export function spellings(struct: StructOf, name: string): string[] {
  const kind = struct.keys[name];
  const singular = name.replace(/s$/, "");
  const names = [name, ...(kind?.aliases ?? [])];
  if (singular !== name && canonical(struct, singular) === name) names.push(singular);
  return names.map((each) => {
    const words = each
      .split("_")
      .map((word) => word.replace(/[a-z]/g, (letter) => `[${letter.toUpperCase()}${letter}]`));
    return `^(?!${name}$)${words.join("[_-]?")}$`;
  });
}

/** The key of the struct that was probably meant. */
export function nearest(struct: StructOf, key: string): string | undefined {
  const wanted = squash(key);
  let best: string | undefined;
  let least = Math.min(2, Math.floor(wanted.length / 3)) + 1;
  for (const [spelling, name] of tableOf(struct)) {
    const distance = editDistance(wanted, spelling, least);
    if (distance < least) {
      least = distance;
      best = name;
    }
  }
  return best;
}

/** Another place in the schema that has this key, such as `k3os.token` for `token`. */
export function elsewhere(root: StructOf, key: string): string | undefined {
  const here = canonical(root, key);
  if (here !== undefined) return here;
  for (const [name, kind] of Object.entries<Kind>(root.keys)) {
    const inner = kind.kind === "struct" ? elsewhere(kind, key) : undefined;
    if (inner !== undefined) return `${name}.${inner}`;
  }
  return undefined;
}

/**
 * The path of a key as in `provenance`, from any spelling, cut off where values are merged as a whole:
 * `k3os.label.zone` is `k3os.labels`. `undefined` if there is no such key.
 */
export function canonicalPath(root: StructOf, path: string): string | undefined {
  const names: string[] = [];
  let kind: Kind = root;
  for (const part of path.split(".")) {
    if (kind.kind !== "struct") break;
    const name: string | undefined = canonical(kind, part.replace(/\[.*$/s, ""));
    if (name === undefined) return undefined;
    names.push(name);
    kind = kind.keys[name] as Kind;
  }
  return names.join(".");
}

/** How many letters differ, are missing, superfluous or swapped. Counts no further than `limit`. */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(
        (above[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (above[column - 1] ?? 0) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        cost = Math.min(cost, (before[column - 2] ?? 0) + 1);
      }
      current.push(cost);
    }
    before = above;
    above = current;
  }
  return Math.min(above[b.length] ?? limit, limit);
}
