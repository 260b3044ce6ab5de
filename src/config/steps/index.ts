import { account } from "./account.ts";
import { authorizedKeys } from "./authorized-keys.ts";
import { command } from "./command.ts";
import { dns } from "./dns.ts";
import { environment } from "./environment.ts";
import { file } from "./file.ts";
import { hostname } from "./hostname.ts";
import { k3s } from "./k3s.ts";
import type { ReadFile, RenderedFile, StepKind, StepKinds } from "./kind.ts";
import { manifest } from "./manifest.ts";
import { module } from "./module.ts";
import { mount } from "./mount.ts";
import { network } from "./network.ts";
import { noAccount } from "./no-account.ts";
import { noNetwork } from "./no-network.ts";
import { ntp } from "./ntp.ts";
import { password } from "./password.ts";
import { registries } from "./registries.ts";
import { remoteKeys } from "./remote-keys.ts";
import { remoteManifest } from "./remote-manifest.ts";
import { restartK3s } from "./restart-k3s.ts";
import { restore } from "./restore.ts";
import { restoreSysctl } from "./restore-sysctl.ts";
import type { Step, StepName } from "./step.ts";
import { sysctl } from "./sysctl.ts";
import { timezone } from "./timezone.ts";
import { wifi } from "./wifi.ts";

export const STEP_KINDS: StepKinds = {
  account,
  "authorized-keys": authorizedKeys,
  command,
  dns,
  environment,
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
  registries,
  "remote-keys": remoteKeys,
  "remote-manifest": remoteManifest,
  "restart-k3s": restartK3s,
  restore,
  "restore-sysctl": restoreSysctl,
  sysctl,
  timezone,
  wifi,
};

/** The kind of a step. */
export function kindOf<K extends StepName>(step: Step<K>): StepKind<K> {
  return STEP_KINDS[step.kind];
}

/** Describes the step in one line without secrets. Different steps of a plan may have the same line. */
export function describeStep(step: Step): string {
  return kindOf(step).describe(step);
}

/** The files that the step consists of; `undefined` if it does something else, or more. */
export function render(step: Step, read: ReadFile): readonly RenderedFile[] | undefined {
  return kindOf(step).files?.(step, read);
}
