import { withoutUserInfo } from "../config/secrets.ts";
import { K3osError } from "../errors.ts";

/** Quotes a value for curl's `--config` file. A URL with a password in such a file does not appear in `ps`. */
export function curlQuoted(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}

/** Settings of curl that have a value, by the names of its long options. */
export type CurlSettings = readonly (readonly [name: string, value: string])[];

/** The text for `curl --config -`. What is set there does not appear in `ps`. */
export function curlConfig(settings: CurlSettings): string {
  return settings.map(([name, value]) => `${name} = ${curlQuoted(value)}\n`).join("");
}

/** What curl says went wrong, without its number; `undefined` if it says nothing. It may add advice in more lines. */
export function curlSaid(stderr: string): string | undefined {
  const lines = stderr.trim().split("\n");
  const line = lines.findLast((text) => /^curl: \(\d+\) /.test(text)) ?? lines.at(-1) ?? "";
  return withoutTime(line.replace(/^curl: \(\d+\) /, "")) || undefined;
}

/** The same failure in the same words, whenever it comes. */
export function withoutTime(said: string): string {
  return said.replace(/ after \d+ (ms|milliseconds)\b/, "");
}

/** Why curl could not fetch `url`, taken from its stderr. */
export function curlFailure(url: string, { status, stderr }: { status: number; stderr: string }): K3osError {
  const reason = curlSaid(stderr) ?? `curl ended with status ${status}`;
  return new K3osError("network", `${withoutUserInfo(url)} cannot be fetched: ${reason}`, {
    hint: "Is the address right, and can this machine reach it? `ip route` shows its way out.",
  });
}
