import { SECRET_NAME } from "./secrets.ts";
import type { Span } from "./tree.ts";

const SECRET_IN_LINE = new RegExp(`(?:${SECRET_NAME.source})[^\\s:=]*?["']?(?:\\s*[:=]|\\s)\\s*`, "i");

export interface Source {
  readonly name: string;
  readonly text: string;
  /** Where secrets were found in the text. */
  readonly secrets: readonly Span[];
  /** Also hide possible secrets, because the structure of the text is in doubt. */
  readonly guess: boolean;
}

/**
 * A line of a layer with its secrets replaced by asterisks, one per character, so that columns stay the same.
 *
 * In a file with a syntax error, a token may be where no key was recognised. So the text after a name that sounds
 * secret is hidden, too, on the same line or on the line below.
 */
export function maskedLine({ text, secrets, guess }: Source, starts: readonly number[], line: number): string {
  const start = starts[line - 1] ?? 0;
  const end = (starts[line] ?? text.length + 1) - 1;
  let masked = text.slice(start, end);
  for (const secret of secrets) {
    const from = Math.max(secret.start - start, 0);
    const to = Math.min(secret.end - start, masked.length);
    if (from < to) masked = masked.slice(0, from) + "*".repeat(to - from) + masked.slice(to);
  }
  const match = guess ? SECRET_IN_LINE.exec(masked) : null;
  if (match !== null) {
    const from = match.index + match[0].length;
    masked = masked.slice(0, from) + masked.slice(from).replace(/\S/g, "*");
  } else if (guess && SECRET_NAME.test(lineAbove(text, starts, line))) {
    masked = masked.replace(/\S/g, "*");
  }
  return masked.replace(/:\/\/[^\s/@]*@/g, (userInfo) => `://${"*".repeat(userInfo.length - 4)}@`);
}

/** The nearest line above that is not empty, if its value is on the following lines. */
function lineAbove(text: string, starts: readonly number[], line: number): string {
  for (let above = line - 1; above >= 1; above--) {
    const content = text.slice(starts[above - 1], starts[above]).trim();
    if (content !== "") return /:\s*([|>][-+0-9]*|["'].*)?$/.test(content) ? content : "";
  }
  return "";
}
