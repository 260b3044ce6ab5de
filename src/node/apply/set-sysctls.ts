import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { RUN } from "../places.ts";
import { sysctlPath } from "../sysctl.ts";

/** The sysctls that steps set since the machine was started, with their values before, to undo them. */
const RECORD = `${RUN}/sysctls.json`;

interface Setting {
  readonly before: string;
  readonly after: string;
}

type Record = Readonly<{ [key: string]: Setting }>;

/**
 * Sets an existing sysctl, and notes its value before. Set again to what steps had set, it is repaired: the value
 * before stays the first one. If that cannot be noted, this throws after it is set.
 */
export function setSysctl(host: Host, key: string, value: string): void {
  const present = currentValue(host, key) ?? "";
  host.poke(sysctlPath(key), value);
  const known = read(host);
  // As the kernel has it now: it may write a number in another way.
  const after = currentValue(host, key) ?? "";
  const setting = known[key];
  const isOurs = setting !== undefined && [present, after].includes(setting.after);
  save(host, { ...known, [key]: { before: isOurs ? setting.before : present, after } });
}

/** Sets a sysctl to its value before, and forgets it. */
export function restoreSysctl(host: Host, key: string, value: string): void {
  host.poke(sysctlPath(key), value);
  const { [key]: _, ...others } = read(host);
  save(host, others);
}

/** The values before, of the sysctls that are still as steps set them. */
export function valuesBefore(host: Host): { readonly [key: string]: string } {
  const settings = Object.entries(read(host)).filter(([key, setting]) => isUntouched(host, key, setting));
  return Object.fromEntries(settings.map(([key, { before }]) => [key, before]));
}

function isUntouched(host: Host, key: string, setting: Setting | undefined): boolean {
  return setting !== undefined && setting.after === currentValue(host, key);
}

function currentValue(host: Host, key: string): string | undefined {
  return readTextIf(host, sysctlPath(key))?.trim();
}

function read(host: Host): Record {
  return JSON.parse(readTextIf(host, RECORD) ?? "{}") as Record;
}

function save(host: Host, record: Record): void {
  host.write(RECORD, `${JSON.stringify(record)}\n`);
}
