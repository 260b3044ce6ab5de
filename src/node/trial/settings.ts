import { secondsOf } from "../../config/duration.ts";
import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { RUN } from "../places.ts";
import type { Rules } from "./decide.ts";
import type { UserCheck } from "./user-checks.ts";

/** What a trial goes by. */
export interface TrialSettings extends Rules {
  readonly checks: readonly UserCheck[];
  /** Whether the watchdog goes on after the trial. */
  readonly watchdog: boolean;
}

/** The keys of `k3os` in config.yaml that a trial needs. */
export interface TrialConfig {
  readonly upgrade?:
    | {
        readonly deadline?: string | undefined;
        readonly stable_for?: string | undefined;
        readonly checks?: readonly ConfiguredCheck[] | undefined;
      }
    | undefined;
  readonly watchdog?: boolean | undefined;
}

interface ConfiguredCheck {
  readonly name: string;
  readonly command?: string | undefined;
  readonly pods?: { readonly namespace: string; readonly selector?: string | undefined } | undefined;
  readonly timeout?: string | undefined;
}

/** Written for the supervisor of the trial, which then needs no parser of YAML. Commands may hold secrets. */
const SETTINGS = `${RUN}/trial.json`;

const DEADLINE = "10m";
const STABLE_FOR = "30s";
const TIMEOUT = "30s";

/** The settings in a config, with a default for every key. */
export function trialSettings({ upgrade = {}, watchdog = false }: TrialConfig, role: Rules["role"]): TrialSettings {
  const { deadline = DEADLINE, stable_for = STABLE_FOR, checks = [] } = upgrade;
  return {
    role,
    deadlineS: seconds(deadline, DEADLINE),
    stableForS: seconds(stable_for, STABLE_FOR),
    checks: checks.flatMap(userCheck),
    watchdog,
  };
}

export function writeSettings(host: Host, settings: TrialSettings): void {
  host.write(SETTINGS, `${JSON.stringify(settings)}\n`, { mode: 0o600 });
}

/** The settings that the boot has written; the defaults of a server, which are the strictest, if it could not. */
export function readSettings(host: Host): TrialSettings {
  const text = readTextIf(host, SETTINGS);
  return text === undefined ? trialSettings({}, "server") : (JSON.parse(text) as TrialSettings);
}

function userCheck({ name, command, pods, timeout = TIMEOUT }: ConfiguredCheck): UserCheck[] {
  if (command !== undefined) return [{ name, command, timeoutS: seconds(timeout, TIMEOUT) }];
  return pods === undefined ? [] : [{ name, pods }];
}

function seconds(text: string, otherwise: string): number {
  return secondsOf(text) ?? secondsOf(otherwise) ?? 0;
}
