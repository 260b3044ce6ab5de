/** Checks files of Kubernetes objects. Pure. */
import { LineCounter, parseAllDocuments } from "yaml";
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

function findingsIn(text: string): readonly Finding[] {
  const documents = parseAllDocuments(text, {
    prettyErrors: false,
    lineCounter: new LineCounter(),
    logLevel: "silent",
  });
  const here = { start: 0, end: 1 };
  const objects = [...documents].filter(({ contents, errors }) => contents !== null || errors.length > 0);
  if (objects.length === 0)
    return [{ weight: "error", span: here, path: "", message: "expected a Kubernetes object, got nothing" }];
  return objects.flatMap((document): Finding[] => {
    if (document.errors.length > 0) {
      return document.errors.map((error) => {
        const [message, hint] = explain(error);
        return { weight: "error", span: { start: error.pos[0], end: error.pos[1] }, path: "", message, hint };
      });
    }
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    const [start = 0, end = 1] = document.contents?.range ?? [];
    const fields = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
    const missing = ["apiVersion", "kind"].filter((field) => typeof fields[field] !== "string");
    if (missing.length === 0) return [];
    const message = `expected a Kubernetes object, got one without ${missing.join(" and ")}`;
    return [{ weight: "error", span: { start, end }, path: "", message }];
  });
}
