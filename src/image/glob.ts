/**
 * A test for the paths that any of the patterns names: `*` stands for anything within one name, `**` for anything at
 * all, `{a,b}` for one of several. `dir/**` names what is below `dir`, not `dir` itself.
 */
export function matcher(patterns: readonly string[]): (path: string) => boolean {
  if (patterns.length === 0) return () => false;
  const whole = new RegExp(`^(?:${patterns.map(source).join("|")})$`);
  return (path) => whole.test(path);
}

function source(pattern: string): string {
  return pattern.replace(/\*\*|[*{},]|[.+?^$()|[\]\\]/g, (token) => {
    if (token === "**") return ".*";
    if (token === "*") return "[^/]*";
    if (token === "{") return "(?:";
    if (token === "}") return ")";
    if (token === ",") return "|";
    return `\\${token}`;
  });
}
