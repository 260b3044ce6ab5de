import type { Host } from "../../host/host.ts";
import { doAll } from "../failure.ts";
import { disableService, enableService } from "../openrc.ts";

/**
 * Makes a machine that was started to be installed (`k3os.mode=install`) run the installer instead of Kubernetes: by itself if the
 * config says `k3os.install.silent`, otherwise on every console, where it asks.
 */
export async function prepareInstallation(host: Host, silent: boolean): Promise<void> {
  await doAll([
    () => disableService(host, "k3s"),
    () =>
      silent
        ? enableService(host, "k3os-install")
        : host.write("/etc/conf.d/console", 'login="--skip-login --login-program /usr/lib/k3os/install-on-console"\n'),
  ]);
}
