/**
 * config.yaml: text → layers → config → plan. Everything here is pure; nothing throws for what a user wrote.
 */
export type { Layer, LayerKind } from "./layer.ts";
export { type Loaded, type LoadOptions, load, type Origin, type Provenance, SCRIPT } from "./load.ts";
export type { Interface } from "./network/cards.ts";
export { dhcpcdConf } from "./network/dhcpcd.ts";
export { makes, type Resolved, removals, resolve } from "./network/resolve.ts";
export type { Network } from "./network/schema.ts";
export { type Observed, type ObservedAccount, type ObservedFile, pending } from "./pending.ts";
export { type Facts, type FileStep, type K3sStep, type MountStep, type Phase, plan, type Step } from "./plan.ts";
export { formatProblem, type Problem, type Severity } from "./problem.ts";
export { quote, type ReadFile, type RenderedFile, render } from "./render.ts";
export { type Config, type ConfigFile, type InstallConfig, schema, type Wifi } from "./schema.ts";
export { withoutUserInfo } from "./secrets.ts";
export { describe, redact, toYaml, withoutInstall } from "./show.ts";
export { canonicalPath } from "./spelling.ts";
