import type { Step } from "../../config/plan.ts";
import { fetchedKeysPath } from "../../config/planning/keys.ts";
import { withoutUserInfo } from "../../config/secrets.ts";
import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { makeHome } from "./accounts.ts";
import { fetchText } from "./fetch.ts";
import { account } from "./users.ts";

/** Whom a key lets in needs a home: a volume that is mounted on /home begins empty. */
export function prepareLogin(host: Host, user: string): void {
  const found = account(host, user);
  if (found === undefined) throw new K3osError("config", `there is no user ${user}`);
  if (found.home.startsWith("/home/")) makeHome(host, found.home, found.uid);
}

/** Fetches keys, keeps them, and has them written. Those of a source that does not answer stay what they were; it is told once the others are in place. */
export async function fetchKeys(
  host: Host,
  { sources }: Step & { kind: "remote-keys" },
  write: () => void,
): Promise<void> {
  const failures: string[] = [];
  for (const { url } of sources) {
    try {
      keepKeys(host, url, await fetchText(host, url));
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  write();
  if (failures.length > 0) throw new K3osError("network", failures.join("; "));
}

function keepKeys(host: Host, url: string, text: string): void {
  const lines = text.split("\n").filter((line) => /^(ssh|ecdsa|sk-)/.test(line));
  if (lines.length === 0) throw new K3osError("network", `${withoutUserInfo(url)} has no ssh keys`);
  const path = fetchedKeysPath(url);
  // The name tells of the URL, which may have a password.
  host.mkdir(path.slice(0, path.lastIndexOf("/")), { mode: 0o700 });
  host.write(path, lines.map((line) => `${line}\n`).join(""), { mode: 0o600 });
}
