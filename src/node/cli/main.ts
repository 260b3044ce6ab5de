import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { boot } from "../boot/boot.ts";
import { init } from "../init/init.ts";

const COMMANDS: Readonly<Record<string, (host: Host, args: readonly string[]) => Promise<number>>> = {
  init: (host) => init(host).then(() => 0),
  boot: (host) => boot(host).then(() => 0),
};

/** The node's `k3os` command: returns the exit status. */
export async function main(host: Host, args: readonly string[]): Promise<number> {
  const command = COMMANDS[args[0] ?? ""];
  try {
    return command === undefined ? 2 : await command(host, args.slice(1));
  } catch (error) {
    host.poke(
      "/dev/stderr",
      `k3os: ${error instanceof K3osError ? error.message : `${error}\n${(error as Error).stack}`}\n`,
    );
    return 1;
  }
}
