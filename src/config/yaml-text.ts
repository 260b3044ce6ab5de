import { stringify } from "yaml";

/** A value as YAML that reads back to the same value, without anchors and folded lines. Ends with a newline. */
export function yamlText(value: unknown): string {
  return stringify(value, {
    lineWidth: 0,
    aliasDuplicateObjects: false,
    // The library escapes a line of one space wrongly, so a quoted text over several lines might not read back.
    doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER,
  });
}
