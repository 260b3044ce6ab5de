import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";

/** On a live system without a password, whoever sits at the console logs in as rancher. sshd never takes a password. */
export async function unlockConsole(host: Host): Promise<void> {
  await run(host, ["passwd", "--delete", "rancher"]);
}
