/** Reads ginkgo's report of a run, and says it as a table. Pure. */
import { K3osError } from "../../src/errors.ts";
import type { Table } from "../table.ts";
import type { Explained } from "./explained.ts";
import { sigOf } from "./select.ts";

export interface Result {
  readonly spec: string;
  readonly state: "passed" | "failed" | "skipped";
  readonly seconds: number;
  /** Why it failed, or skipped itself. */
  readonly message: string;
  /** Why a failure is none of the node's. */
  readonly explained?: string;
}

/** What of ginkgo's JSON is read. Times are nanoseconds. */
interface SpecReport {
  readonly ContainerHierarchyTexts?: readonly string[] | null;
  readonly LeafNodeText: string;
  readonly LeafNodeType: string;
  readonly State: string;
  readonly RunTime: number;
  readonly Failure?: { readonly Message?: string };
}

interface SuiteReport {
  readonly SpecReports?: readonly SpecReport[] | null;
}

/**
 * What became of the selected specs, and which checks failed that the suite makes after them. Throws `machine` if what
 * comes before all specs failed, or if one of them is not in the report.
 */
export function readReport(json: string, selected: readonly string[], explained: readonly Explained[]): Result[] {
  const reports = (JSON.parse(json) as SuiteReport[]).flatMap(({ SpecReports }) => SpecReports ?? []);
  const broken = reports.find(({ LeafNodeType, State }) => /BeforeSuite$/.test(LeafNodeType) && isFailed(State));
  if (broken !== undefined) {
    const { LeafNodeType, LeafNodeText, Failure } = broken;
    throw new K3osError("machine", `${LeafNodeText || LeafNodeType} failed: ${Failure?.Message ?? broken.State}`);
  }
  const bySpec = new Map(reports.map((report) => [nameOf(report), report]));
  const results = selected.map((spec) => {
    const report = bySpec.get(spec);
    if (report === undefined) throw new K3osError("machine", `The suite's report does not tell of ${spec}.`);
    return resultOf(spec, report, explained);
  });
  const afterwards = reports
    .filter(({ LeafNodeType, State }) => /AfterSuite$/.test(LeafNodeType) && isFailed(State))
    .map((report) => resultOf(report.LeafNodeText || report.LeafNodeType, report, explained));
  return [...results, ...afterwards];
}

function resultOf(spec: string, { State, RunTime, Failure }: SpecReport, explained: readonly Explained[]): Result {
  const why = explained.find((one) => one.spec.test(spec))?.reason;
  return {
    ...{ spec, seconds: RunTime / 1e9, message: Failure?.Message ?? "" },
    state: State === "passed" ? "passed" : isFailed(State) ? "failed" : "skipped",
    ...(why !== undefined && { explained: why }),
  };
}

const nameOf = ({ ContainerHierarchyTexts, LeafNodeText }: SpecReport) =>
  [...(ContainerHierarchyTexts ?? []), LeafNodeText].filter((text) => text !== "").join(" ");

/** The others of a report's states are of specs that did not run: they were not selected, or skipped themselves. */
const isFailed = (state: string) => !["passed", "skipped", "pending"].includes(state);

/** A row for each special interest group, and one for all. */
export function resultTable(results: readonly Result[]): Table {
  const row = (name: string, some: readonly Result[]) => [
    name,
    ...[of(some, "passed"), unexplained(some), explainedOf(some), of(some, "skipped")].map(({ length }) => `${length}`),
    some.reduce((sum, { seconds }) => sum + seconds, 0).toFixed(0),
  ];
  const groups = [...new Set(results.map(({ spec }) => sigOf(spec)))].sort();
  return {
    head: ["", "passed", "failed", "explained", "skipped", "s"],
    rows: [
      ...groups.map((name) =>
        row(
          name,
          results.filter(({ spec }) => sigOf(spec) === name),
        ),
      ),
      row("all", results),
    ],
  };
}

const of = (results: readonly Result[], state: Result["state"]) => results.filter((one) => one.state === state);

/** Failures that nobody has explained. */
export const unexplained = (results: readonly Result[]) =>
  of(results, "failed").filter(({ explained }) => explained === undefined);

const explainedOf = (results: readonly Result[]) =>
  of(results, "failed").filter(({ explained }) => explained !== undefined);
