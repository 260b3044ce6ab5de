import { K3osError } from "../../../errors.ts";
import type { Host } from "../../../host/host.ts";
import { doAll } from "../../failure.ts";
import { makeHome } from "../homes.ts";
import { account } from "../users.ts";
import { writeNotedFiles } from "../write.ts";
import type { StepHandler } from "./handler.ts";

export const authorizedKeys: StepHandler<"authorized-keys"> = {
  // A key allows a login even if the home could not be made.
  apply: (host, step) => doAll([() => prepareLogin(host, step.user), () => writeNotedFiles(host, step)]),
};

/** A login needs a home. A volume that is mounted on /home starts empty. */
function prepareLogin(host: Host, user: string): void {
  const found = account(host, user);
  if (found === undefined) throw new K3osError("config", `there is no user ${user}`);
  if (found.home.startsWith("/home/")) makeHome(host, found.home, found.uid);
}
