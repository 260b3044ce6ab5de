import type { Observation } from "../../../config/steps/kind.ts";
import type { Step, StepName } from "../../../config/steps/step.ts";
import type { Host } from "../../../host/host.ts";
import { writeNotedFiles } from "../write.ts";
import { account } from "./account.ts";
import { authorizedKeys } from "./authorized-keys.ts";
import { command } from "./command.ts";
import { file } from "./file.ts";
import type { Handler, StepHandlers } from "./handler.ts";
import { hostname } from "./hostname.ts";
import { k3s } from "./k3s.ts";
import { manifest } from "./manifest.ts";
import { module } from "./module.ts";
import { mount } from "./mount.ts";
import { network } from "./network.ts";
import { noAccount } from "./no-account.ts";
import { noNetwork } from "./no-network.ts";
import { ntp } from "./ntp.ts";
import { password } from "./password.ts";
import { remoteKeys } from "./remote-keys.ts";
import { remoteManifest } from "./remote-manifest.ts";
import { restartK3s } from "./restart-k3s.ts";
import { restore } from "./restore.ts";
import { restoreSysctl } from "./restore-sysctl.ts";
import { sysctl } from "./sysctl.ts";
import { timezone } from "./timezone.ts";
import { wifi } from "./wifi.ts";

/** Kinds that only write files have no file of their own here. */
export const STEP_HANDLERS: { readonly [K in StepName]: Handler<K> } = {
  account,
  "authorized-keys": authorizedKeys,
  command,
  dns: { apply: writeNotedFiles },
  environment: { apply: writeNotedFiles },
  file,
  hostname,
  k3s,
  manifest,
  module,
  mount,
  network,
  "no-account": noAccount,
  "no-network": noNetwork,
  ntp,
  password,
  registries: { apply: writeNotedFiles },
  "remote-keys": remoteKeys,
  "remote-manifest": remoteManifest,
  "restart-k3s": restartK3s,
  restore,
  "restore-sysctl": restoreSysctl,
  sysctl,
  timezone,
  wifi,
} satisfies StepHandlers;

/** Does the step. Throws if that fails. */
export async function applyStep<K extends StepName>(host: Host, step: Step<K>): Promise<void> {
  const handler: Handler<K> = STEP_HANDLERS[step.kind];
  await handler.apply(host, step);
}

/** Observes what the pure half of the step's kind needs to know. */
export function observeStep<K extends StepName>(host: Host, step: Step<K>): Observation<K> {
  const handler: Handler<K> = STEP_HANDLERS[step.kind];
  return handler.observe?.(host, step) as Observation<K>;
}
