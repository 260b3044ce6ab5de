import type { Host } from "../../host/host.ts";
import { doAll } from "../failure.ts";
import { disableService, enableService } from "../openrc.ts";

/**
 * For a machine started with `k3os.mode=install`: runs the installer instead of Kubernetes. With `k3os.install.silent`
 * it runs without questions, otherwise it asks them on every console.
 */
export async function prepareInstallation(host: Host, silent: boolean): Promise<void> {
  await doAll([
    () => disableService(host, "k3s"),
    () => disableService(host, "k3os-agent"),
    () =>
      silent
        ? enableService(host, "k3os-install")
        : host.write("/etc/conf.d/console", 'login="--skip-login --login-program /usr/lib/k3os/install-on-console"\n'),
  ]);
}
