import { K3S_ENVIRONMENT } from "../../config/steps/k3s.ts";
import type { Host } from "../../host/host.ts";
import { curlFailure, curlQuoted } from "../curl.ts";

/** Ten tries, a second apart, as in old k3OS: the network may be just coming up. 30 s at most, because k3s waits. */
const PATIENCE = [
  ...["--connect-timeout", "5", "--max-time", "10", "--retry", "9", "--retry-delay", "1"],
  ...["--retry-all-errors", "--retry-max-time", "30"],
];
/** Larger than any keys or manifest. All of it is held in memory. */
const LIMIT = ["--max-filesize", "16M"];

/** Fetches the text at a URL. Uses the proxy of the config: one with a password is in k3s's environment alone. */
export async function fetchText(host: Host, url: string): Promise<string> {
  const curl = ["curl", "--fail", "--silent", "--show-error", "--location", ...PATIENCE, ...LIMIT, "--config", "-"];
  const argv = [
    "sh",
    "-c",
    `set -a; . /etc/environment; [ ! -e ${K3S_ENVIRONMENT} ] || . ${K3S_ENVIRONMENT}; exec "$@"`,
    "fetch",
    ...curl,
  ];
  const result = await host.exec(argv, { input: `url = ${curlQuoted(url)}\n` });
  if (result.status !== 0) throw curlFailure(url, result);
  return result.stdout;
}
