import type { Host } from "../../host/host.ts";
import { Stages, savedStages } from "../stages.ts";
import { ensureMachineId, linkConsoles, loadModules, mountApiFileSystems, setSysctls } from "./base.ts";

export async function boot(host: Host): Promise<void> {
  const stages = new Stages(host, true, savedStages(host));
  stages.reached("boot-start");
  await mountApiFileSystems(host);
  stages.reached("mounts");
  await loadModules(host);
  stages.reached("modules");
  setSysctls(host);
  ensureMachineId(host);
  linkConsoles(host);
  stages.reached("config");
  stages.save();
}
