import { withoutUserInfo } from "../config/secrets.ts";
import { K3osError } from "../errors.ts";

/** Quotes a value for curl's `--config` file. A URL with a password in such a file does not appear in `ps`. */
export function curlQuoted(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}

/** Why curl could not fetch `url`, taken from its stderr. */
export function curlFailure(url: string, { status, stderr }: { status: number; stderr: string }): K3osError {
  const last = stderr.trim().split("\n").at(-1) ?? "";
  const reason = last.replace(/^curl: \(\d+\) /, "") || `curl ended with status ${status}`;
  return new K3osError("network", `${withoutUserInfo(url)} cannot be fetched: ${reason}`, {
    hint: "Is the address right, and can this machine reach it? `ip route` shows its way out.",
  });
}
