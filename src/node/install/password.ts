import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";

/** Hashes the password for crypt(5), so that no config holds it in plain text. */
export async function hashPassword(host: Host, password: string): Promise<string> {
  // mkpasswd(1) of busybox. The password goes through a pipe, because other users can see arguments.
  return (await run(host, ["mkpasswd", "-m", "sha512", "-P", "0"], { input: `${password}\n` })).trim();
}
