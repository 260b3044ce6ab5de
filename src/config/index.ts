/**
 * config.yaml: text → layers → config → plan. Everything here is pure; nothing throws for what a user wrote.
 */
export { secondsOf } from "./duration.ts";
export type { Layer } from "./layer.ts";
export { type LayerKind, layerOfConfig, MACHINE_CONFIG } from "./layer-kind.ts";
export { type Loaded, type LoadOptions, load, type Origin, type Provenance, SCRIPT } from "./load.ts";
export type { Interface } from "./network/cards.ts";
export { dhcpcdConf } from "./network/dhcpcd.ts";
export { makes, type Resolved, removals, resolve } from "./network/resolve.ts";
export type { Network } from "./network/schema.ts";
export { type Observed, type ObservedFile, pending } from "./pending.ts";
export { type Facts, nodeLabels, plan } from "./plan.ts";
export { formatProblem, type Problem, type Severity } from "./problem.ts";
export { quote } from "./quote.ts";
export {
  type Config,
  type ConfigFile,
  type ConfigKey,
  type InstallConfig,
  schema,
  type UpgradeCheck,
  type UpgradeConfig,
  type UpgradeWindow,
  type Wifi,
} from "./schema.ts";
export { withoutUserInfo } from "./secrets.ts";
export { redact, toYaml, withoutInstall } from "./show.ts";
export { canonicalPath } from "./spelling.ts";
export { describeStep, render } from "./steps/index.ts";
export type { RenderedFile } from "./steps/kind.ts";
export type { Phase, Step, StepName } from "./steps/step.ts";
