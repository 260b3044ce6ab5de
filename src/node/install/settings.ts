import type { InstallConfig } from "../../config/index.ts";

/**
 * What the installer was told before it asks anything: `k3os.install` of the config, under what the command line says.
 */
export type Settings = InstallConfig;
