import type { Host } from "../../host/host.ts";

/** What the image brings along, and the folders of k3s that it belongs in. */
const PROVIDED = [
  { from: "/usr/share/k3os/images", to: "/var/lib/rancher/k3s/agent/images" },
  { from: "/usr/share/k3os/manifests", to: "/var/lib/rancher/k3s/server/manifests" },
];

/**
 * Links the image's container images and manifests to where k3s takes them from. A name that is there already is the user's
 * and stays: old k3OS put its own over it at every boot (rancher/k3os#683).
 */
export function provideImages(host: Host): void {
  for (const { from, to } of PROVIDED) {
    if (host.stat(from) === undefined) continue;
    host.mkdir(to);
    for (const name of host.list(from)) {
      const path = `${to}/${name}`;
      const found = host.stat(path);
      if (found === undefined || found.type === "link") host.symlink(`${from}/${name}`, path);
    }
  }
}
