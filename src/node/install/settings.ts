import type { InstallConfig } from "../../config/index.ts";

/** The installer's settings before any question: `k3os.install` of the config, overridden by the command line. */
export type Settings = InstallConfig;
