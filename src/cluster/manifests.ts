/** Checks files of Kubernetes objects. Pure. */
import { type Alias, type Document, isMap, parseAllDocuments, visit } from "yaml";
import { explain } from "../config/parse.ts";
import type { Finding, Problem } from "../config/problem.ts";
import { toProblems } from "../config/to-problems.ts";

/** A file that `manifests` names. */
export interface ManifestFile {
  /** As messages call it. */
  readonly path: string;
  readonly text: string;
}

/** The name in server/manifests: that of the file, without its folders and ending. */
export const manifestName = (path: string): string => path.replace(/^.*\//s, "").replace(/\.\w+$/, "");

/** What is wrong with a manifest: it has to be YAML, and every document in it a Kubernetes object. */
export function manifestProblems({ path, text }: ManifestFile): readonly Problem[] {
  const source = { name: path, text, secrets: [], guess: true };
  return toProblems(source, findingsIn(text), (weight) => (weight === "warning" ? "warning" : "error"));
}

const TOO_DEEP = "expected a Kubernetes object, got one nested too deep";

function findingsIn(text: string): readonly Finding[] {
  try {
    const documents = [...parseAllDocuments(text, { prettyErrors: false, logLevel: "silent" })];
    const objects = documents.filter(({ contents, errors }) => contents !== null || errors.length > 0);
    return objects.length === 0 ? [at(undefined, "expected a Kubernetes object, got nothing")] : objects.flatMap(flaws);
  } catch (error) {
    // The library descends as deep as the text is nested.
    if (error instanceof RangeError) return [at(undefined, TOO_DEEP)];
    throw error;
  }
}

function flaws(document: Document.Parsed): readonly Finding[] {
  const { contents, errors } = document;
  if (errors.some(({ message }) => message.includes("call stack"))) return [at(undefined, TOO_DEEP)];
  if (errors.length > 0) return errors.map((error) => at(error.pos, ...explain(error)));
  const fields = isMap(contents) ? contents : undefined;
  const missing = ["apiVersion", "kind"].filter((field) => typeof fields?.get(field) !== "string");
  if (missing.length > 0)
    return [at(contents?.range, `expected a Kubernetes object, got one without ${missing.join(" and ")}`)];
  const unresolved = unresolvedIn(document);
  return unresolved === undefined ? [] : [at(unresolved.range, "expected the name of an anchor (&name) above this")];
}

/** The first alias without an anchor before it. */
function unresolvedIn(document: Document.Parsed): Alias | undefined {
  let found: Alias | undefined;
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) !== undefined) return undefined;
      found = alias;
      return visit.BREAK;
    },
  });
  return found;
}

function at(range: readonly number[] | null | undefined, message: string, hint?: string): Finding {
  const [start = 0, end = 1] = range ?? [];
  return { weight: "error", span: { start, end }, path: "", message, hint };
}
