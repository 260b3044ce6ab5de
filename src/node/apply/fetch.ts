import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";

/** Ten tries, a second apart, as old k3OS had it, since the network may have only just come up; but k3s waits meanwhile. */
const PATIENCE = [
  ...["--connect-timeout", "5", "--max-time", "10", "--retry", "9", "--retry-delay", "1"],
  ...["--retry-all-errors", "--retry-max-time", "30"],
];

/** The text at a URL, through the proxy of the config if there is one: it is in /etc/environment by now. */
export function fetchText(host: Host, url: string): Promise<string> {
  const curl = ["curl", "--fail", "--silent", "--show-error", "--location", ...PATIENCE, url];
  return run(host, ["sh", "-c", 'set -a; . /etc/environment; exec "$@"', "fetch", ...curl]);
}
