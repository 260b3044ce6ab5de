import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { StatusCondition } from "../../src/kubernetes/meta.ts";
import { runCommand } from "../../src/process/run.ts";

const script = readFileSync(join(import.meta.dirname, "../../docs/monitoring/argocd-health.lua"), "utf8");
const lua = ["lua5.4", "lua5.3", "lua"].find((name) => spawnSync(name, ["-v"]).status === 0);

/** A value as Lua writes it. */
function literal(value: unknown): string {
  if (Array.isArray(value)) return `{${value.map(literal).join(", ")}}`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, inner]) => `[${JSON.stringify(key)}] = ${literal(inner)}`)
    .join(", ")}}`;
}

const condition = (type: string, status: StatusCondition["status"], message: string) => ({ type, status, message });
const ready = condition("Ready", "True", "5 of 5 at 0.32.0");
const upgrading = condition("Ready", "False", "3 of 5 at 0.32.0");
const reconciling = condition("Reconciling", "True", "node-4 is on trial");
const stalled = condition("Stalled", "True", "node-4 returned to 0.31.0");
const seen = (...conditions: readonly object[]) => ({ observedGeneration: 2, conditions });

// Without Lua on this host, there is nothing to run it with: Debian's package is lua5.4.
it.skipIf(lua === undefined).each<[string, string, object]>([
  ["Healthy 5 of 5 at 0.32.0", "Ready", { status: seen(ready) }],
  ["Progressing node-4 is on trial", "Reconciling", { status: seen(upgrading, reconciling) }],
  ["Degraded node-4 returned to 0.31.0", "Stalled", { status: seen(upgrading, stalled) }],
  ["Degraded node-4 returned to 0.31.0", "Stalled and paused", { spec: { paused: true }, status: seen(stalled) }],
  ["Suspended paused", "paused", { spec: { paused: true }, status: seen(ready) }],
  [
    "Progressing no agent has seen this yet",
    "changed a moment ago",
    { status: { ...seen(ready), observedGeneration: 1 } },
  ],
  ["Progressing no agent has seen this yet", "new", {}],
  ["Progressing 3 of 5 at 0.32.0", "not Ready", { status: seen(upgrading) }],
  ["Progressing not Ready yet", "silent", { status: seen() }],
  ["Healthy 5 of 5 at 0.32.0", "no more Reconciling", { status: seen(ready, condition("Reconciling", "False", "")) }],
])("Argo CD shows %s for a pool that is %s", async (expected, _, more) => {
  const object = { metadata: { name: "agents", generation: 2 }, spec: {}, ...more };
  const program = `obj = ${literal(object)}\nlocal function check()\n${script}\nend\nlocal h = check()\nprint(h.status .. " " .. h.message)`;
  expect((await runCommand([lua ?? "", "-"], { input: program })).trim()).toBe(expected);
});
