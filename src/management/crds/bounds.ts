/**
 * How long a text, a list or a map may be at most. The API server reckons the cost of a rule by these, and takes no
 * rule that could cost too much: 10 million units each, 100 million together.
 */
import type { Check } from "../../config/kinds.ts";
import { address, destination, ethernetKey, linkName, macAddress } from "../../config/network/checks.ts";
import { network } from "../../config/network/schema.ts";
import { newUserName, ssid, userName } from "../../config/schema/access.ts";
import { channel, namespace, timeOfDay, weekday } from "../../config/schema/upgrading.ts";
import * as values from "../../config/values.ts";

const FILE_CONTENT = 262_144;
const USUAL_TEXT = 1024;
const USUAL_LIST = 64;
const USUAL_MAP = 64;

const gateways = network.keys.ethernets.value.keys;

const BY_CHECK: ReadonlyMap<Check | undefined, number> = new Map<Check | undefined, number>([
  ...[values.ipAddress, address, destination, gateways.gateway4.check, gateways.gateway6.check].map(
    (check) => [check, 64] as const,
  ),
  ...[linkName, macAddress, timeOfDay, weekday].map((check) => [check, 17] as const),
  ...[values.labelValue, channel, namespace].map((check) => [check, 63] as const),
  ...[userName, newUserName, ssid].map((check) => [check, 32] as const),
  [ethernetKey, 64],
  [values.sshKey, 4096],
  [values.publicKey, 4096],
  [values.hostOrIp, 253],
  [values.taint, 400],
  [values.kernelModule, 512],
  [values.k3sArgument, 512],
]);

const BY_PATH: Readonly<Record<string, number>> = {
  "write_files[].content": FILE_CONTENT,
  "k3os.manifests[].content": FILE_CONTENT,
  // Scripts, as a rule.
  "init_cmd[]": 8192,
  "boot_cmd[]": 8192,
  "run_cmd[]": 8192,
  ssh_authorized_keys: 96,
  write_files: 256,
  // A user's keys are multiplied by the number of users.
  "k3os.users": 32,
  "k3os.users[].ssh_authorized_keys": 16,
  "k3os.users[].ssh_authorized_keys[]": 1536,
  "k3os.registries.mirrors.NAME.endpoint": 16,
  "k3os.upgrade.keys": 16,
  "k3os.sysctls": 512,
  "k3os.labels": 64,
  "k3os.environment": 128,
};

export const bounds = {
  /** Paths in the table that are none of these. */
  unknownPaths: (paths: readonly string[]): string[] => Object.keys(BY_PATH).filter((path) => !paths.includes(path)),
  text: (path: string, check: Check | undefined): number =>
    BY_PATH[path] ?? BY_CHECK.get(check) ?? inNetwork(path, 64) ?? USUAL_TEXT,
  list: (path: string): number => BY_PATH[path] ?? inNetwork(path, 32) ?? USUAL_LIST,
  map: (path: string): number => BY_PATH[path] ?? inNetwork(path, 32) ?? USUAL_MAP,
};

// What is within an interface is multiplied by their number.
function inNetwork(path: string, bound: number): number | undefined {
  return path.startsWith("k3os.network.") ? bound : undefined;
}
