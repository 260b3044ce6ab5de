import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { applyConfig } from "../apply/apply-config.ts";
import { NODE_DATA } from "../places.ts";
import type { Asker } from "../terminal/ask.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { type NodeConfig, showConfig } from "./node-config.ts";

/** The node's local layer. */
const LOCAL = `${NODE_DATA}/config.yaml`;

/** Writes a config for the running system instead of installing, and applies it. */
export async function configureSystem(
  host: Host,
  terminal: Terminal,
  asker: Asker,
  config: NodeConfig | undefined,
): Promise<void> {
  if (config === undefined) throw new K3osError("config", "there is no config to apply");
  const shown = showConfig(config.config);
  terminal.write(`\n${LOCAL}\n${shown.replace(/^/gm, "  ")}\n${config.warnings.map((one) => `\n${one}\n`).join("")}\n`);
  const title = "Write it, and apply it to this system?";
  if ((await asker.ask({ kind: "confirm", title, initial: false })) !== true) {
    throw new K3osError("interrupted", "nothing was changed");
  }
  host.mkdir(NODE_DATA);
  host.write(LOCAL, config.text, { mode: 0o600 });
  const status = await applyConfig(host, { restart: true });
  if (status !== 0) throw new K3osError("host", "not everything could be applied; see above");
}
