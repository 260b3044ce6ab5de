import type { Host } from "../../../host/host.ts";
import { run } from "../../../host/run.ts";
import { passwordHash, setPasswordHash } from "../users.ts";
import type { StepHandler } from "./handler.ts";

export const password: StepHandler<"password"> = {
  observe: (host, { user, hashed }) => (hashed ? passwordHash(host, user) : undefined),
  apply: async (host, step) =>
    setPasswordHash(host, step.user, step.hashed ? step.password : await hash(host, step.password)),
};

/** SHA-512 in the format of crypt(5). The password goes through a pipe, so that `ps` does not show it. */
async function hash(host: Host, plain: string): Promise<string> {
  return (await run(host, ["mkpasswd", "-m", "sha512", "-P", "0"], { input: `${plain}\n` })).trim();
}
