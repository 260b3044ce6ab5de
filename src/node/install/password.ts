import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";

/** The password as crypt(5) keeps it, so that no config holds it in plain text. */
export async function hashPassword(host: Host, password: string): Promise<string> {
  // mkpasswd(1) of busybox; the password goes through a pipe, because everybody sees arguments.
  return (await run(host, ["mkpasswd", "-m", "sha512", "-P", "0"], { input: `${password}\n` })).trim();
}
