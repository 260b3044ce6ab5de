import { describeStep, type LayerKind, load, plan, render, toYaml } from "../../src/config/index.ts";

export type Verdict =
  /** It is used, without a problem. */
  | "accepted"
  /** It is used, with a warning. */
  | "warned"
  /** It is not used; every error has a place. */
  | "rejected";

/** A defect of the reader, for any text. */
export interface Defect {
  readonly kind: "crash" | "no place" | "lost" | "unstable";
  readonly what: string;
}

const GOOD = { name: "good", kind: "system", text: "hostname: good\nk3os: { token: kept }\n" } as const;
const FACTS = { mode: "live", version: "1" };

/** Reads a text as a node would, on top of a valid layer, and looks for defects. */
export function judge(kind: LayerKind, text: string): Verdict | Defect {
  try {
    return judgeLoaded(kind, text);
  } catch (error) {
    return { kind: "crash", what: error instanceof Error ? `${error.message}\n${error.stack}` : String(error) };
  }
}

function judgeLoaded(kind: LayerKind, text: string): Verdict | Defect {
  const { config, problems, rejected } = load([GOOD, { name: "fuzzed", kind, text }]);
  const lines = text.split("\n");
  for (const { line, column, message } of problems) {
    const length = lines[line - 1]?.length;
    const inside = length !== undefined && column >= 1 && column <= length + 1;
    if (!inside || message === "") return { kind: "no place", what: `${line}:${column} ${message}` };
  }
  for (const step of plan(config, FACTS)) {
    describeStep(step);
    render(step, () => undefined);
  }
  const isRejected = rejected.length > 0;
  const errors = problems.some(({ severity }) => severity === "error");
  if (isRejected !== errors) return { kind: "lost", what: "rejected without an error, or the other way round" };
  if (isRejected && (config.hostname !== "good" || config.k3os?.token !== "kept")) {
    return { kind: "lost", what: "a rejected layer changed what the others say" };
  }
  if (isRejected) return "rejected";
  if (problems.length > 0) return "warned";
  const again = load([{ name: "again", kind: "system", text: toYaml(config) }]);
  if (sorted(again.config) !== sorted(config)) {
    return { kind: "unstable", what: "written and read again it is another config" };
  }
  return "accepted";
}

/** JSON with the keys of objects in order. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
