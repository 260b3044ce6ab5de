import * as v from "valibot";
import { isMap, isNode, isScalar, LineCounter, parseDocument } from "yaml";
import { K3osError } from "../errors.ts";

/** The value of a file of the build. Errors point to the place: `image.yaml:7:11 packages.2: …`. */
export function parseYaml<S extends v.GenericSchema>(schema: S, text: string, name: string): v.InferOutput<S> {
  const lines = new LineCounter();
  // YAML 1.1 octal numbers: 0644 is kept as it is written, and read as a mode where one is expected.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, schema: "core" });
  const [broken] = document.errors;
  if (broken) {
    const { line, col } = lines.linePos(broken.pos[0]);
    throw invalid(`${name}:${line}:${col} ${broken.message}`);
  }
  const result = v.safeParse(schema, document.toJS() ?? {});
  if (result.success) return result.output;
  const problems = result.issues.map((issue) => {
    const path = (issue.path ?? []).map(({ key }) => key);
    const { line, col } = lines.linePos(offsetOf(document, path, issue.expected === "never"));
    return `${name}:${line}:${col} ${path.length > 0 ? `${path.join(".")}: ` : ""}${sentence(issue)}`;
  });
  throw invalid(problems.join("\n"));
}

function invalid(message: string): K3osError {
  return new K3osError("config", message, { hint: "os/image.yaml in the repository shows every key." });
}

/**
 * The offset of the value at `path`; of its nearest parent when it is missing; of the key itself when that is wrong.
 */
function offsetOf(document: ReturnType<typeof parseDocument>, path: readonly unknown[], isKey: boolean): number {
  const parent = isKey ? document.getIn(path.slice(0, -1), true) : undefined;
  const pair = isMap(parent) ? parent.items.find(({ key }) => isScalar(key) && key.value === path.at(-1)) : undefined;
  if (isScalar(pair?.key) && pair.key.range) return pair.key.range[0];
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}

function sentence(issue: v.BaseIssue<unknown>): string {
  if (issue.type === "strict_object" && issue.expected === "never") return "there is no such key";
  if (issue.expected === null) return issue.message;
  return issue.message.startsWith("Invalid")
    ? `expected ${issue.expected} but received ${issue.received}`
    : issue.message;
}
