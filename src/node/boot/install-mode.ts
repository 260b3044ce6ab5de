import type { Host } from "../../host/host.ts";

/**
 * Has a machine that was started to be installed (`k3os.mode=install`) run the installer in place of Kubernetes: by itself if the config
 * says `k3os.install.silent`, otherwise on every console, where it asks.
 */
export function prepareInstallation(host: Host, silent: boolean): void {
  host.remove("/etc/runlevels/default/k3s");
  if (silent) host.symlink("/etc/init.d/k3os-install", "/etc/runlevels/default/k3os-install");
  else host.write("/etc/conf.d/console", 'login="--skip-login --login-program /usr/lib/k3os/install-on-console"\n');
}
