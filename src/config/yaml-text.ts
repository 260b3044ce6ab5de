import { stringify } from "yaml";

/** A value as YAML that reads back to the same value, without anchors and without folded lines. Ends in a newline. */
export function yamlText(value: unknown): string {
  return stringify(value, {
    lineWidth: 0,
    aliasDuplicateObjects: false,
    // Spread over lines, a text in quotes would not always come back: the library escapes a line of one space wrongly.
    doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER,
  });
}
