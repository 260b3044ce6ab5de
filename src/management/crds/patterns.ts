/** Patterns of JavaScript for an engine without lookaround: RE2, which CEL and JSON Schema have in the API server. */

/** A text is matched if it matches all of `needs` and none of `lacks`. */
export interface Patterns {
  readonly needs: readonly string[];
  readonly lacks: readonly string[];
}

const LOOKAHEAD = /^\^\(\?([=!])/;

/**
 * The pattern without its lookaheads, which must stand at its beginning: what they ask for is asked for apart. Throws
 * for any other lookaround.
 */
export function withoutLookahead(source: string): Patterns {
  const needs: string[] = [];
  const lacks: string[] = [];
  let rest = source;
  for (let found = LOOKAHEAD.exec(rest); found !== null; found = LOOKAHEAD.exec(rest)) {
    const from = found[0].length;
    const end = closing(rest, from);
    const inner = `^(${rest.slice(from, end)})`;
    if (found[1] === "!") lacks.push(inner);
    else needs.push(inner);
    rest = `^${rest.slice(end + 1)}`;
  }
  if (/\(\?[=!<]/.test(rest)) throw new Error(`RE2 cannot look ahead in ${source}`);
  // After a lookahead that was all, nothing is left to ask for.
  if (rest !== "^") needs.push(rest);
  return { needs, lacks };
}

/** Where the group ends that is open at `from`. */
function closing(source: string, from: number): number {
  let depth = 1;
  let inClass = false;
  for (let at = from; at < source.length; at++) {
    const letter = source[at];
    if (letter === "\\") at++;
    else if (inClass) inClass = letter !== "]";
    else if (letter === "[") inClass = true;
    else if (letter === "(") depth++;
    else if (letter === ")" && --depth === 0) return at;
  }
  throw new Error(`a group of ${source} does not end`);
}

/** CEL that is true if `value`, an expression, matches the pattern of JavaScript. */
export function matching(value: string, pattern: RegExp): string {
  const { needs, lacks } = withoutLookahead(pattern.source);
  const flag = pattern.flags.includes("i") ? "(?i)" : "";
  const test = (source: string) => `${value}.matches(${JSON.stringify(flag + source)})`;
  return [...lacks.map((source) => `!${test(source)}`), ...needs.map(test)].join(" && ");
}
