/**
 * The origin of a layer determines how its text is read:
 * - `system`, `local`, `drop-in`: config.yaml;
 * - `cmdline`: /proc/cmdline;
 * - `userdata`: config.yaml, `#cloud-config`, or a script;
 * - `metadata`: the YAML that clouds and NoCloud call meta-data, for its host name and keys;
 * - `network-config`: cloud-init's network-config, either version;
 * - `hostname`, `authorized-keys`: plain text;
 * - `cluster`: a MachineConfig. It is merged into the layers below by key (`mergeByKey`), and must not say everything
 *   (`cluster.ts`).
 */
export type LayerKind =
  | "system"
  | "cmdline"
  | "local"
  | "metadata"
  | "network-config"
  | "hostname"
  | "authorized-keys"
  | "userdata"
  | "drop-in"
  | "cluster";

/** The name of a MachineConfig's layer: what messages and `k3os config --why` call it. */
export const layerOfConfig = (name: string): string => `${MACHINE_CONFIG}${name}`;
export const MACHINE_CONFIG = "MachineConfig ";
