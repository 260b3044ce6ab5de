/**
 * Orders versions as Semantic Versioning 2.0.0 does: negative if `a` is older than `b`, positive if it is newer. What
 * follows a `+` does not count. A version of another form is compared part by part, so that any two have an order.
 */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parse(a), parse(b)];
  const core = compareParts(left.core, right.core);
  if (core !== 0) return core;
  // A release is newer than what was tried before it: 1.0.0-rc.1 comes before 1.0.0.
  if (left.before.length === 0 || right.before.length === 0) return right.before.length - left.before.length;
  return compareParts(left.before, right.before);
}

function parse(version: string): { readonly core: readonly string[]; readonly before: readonly string[] } {
  const [, core = "", before = ""] = /^v?([^-~+]*)(?:[-~]([^+]*))?/.exec(version) ?? [];
  // `1.2` and `1.2.0` are equal.
  const parts = core.split(".").map((part) => part || "0");
  while (parts.length > 1 && isZero(parts.at(-1))) parts.pop();
  return { core: parts, before: before === "" ? [] : before.split(".") };
}

function isZero(part: string | undefined): boolean {
  return part !== undefined && /^0+$/.test(part);
}

/** The first difference decides; of two lists that are equal so far, the longer one is newer. */
function compareParts(left: readonly string[], right: readonly string[]): number {
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const [a, b] = [left[index], right[index]];
    if (a === undefined || b === undefined) return left.length - right.length;
    const order = comparePart(a, b);
    if (order !== 0) return order;
  }
  return 0;
}

/** Numbers by their value, texts by their characters; a number is older than a text. */
function comparePart(a: string, b: string): number {
  const [isA, isB] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (isA !== isB) return isA ? -1 : 1;
  if (!isA) return a < b ? -1 : a > b ? 1 : 0;
  // Numbers may be longer than what a double holds.
  const [x, y] = [a.replace(/^0+(?=\d)/, ""), b.replace(/^0+(?=\d)/, "")];
  return x.length - y.length || (x < y ? -1 : x > y ? 1 : 0);
}
