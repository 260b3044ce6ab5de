import type { Host } from "../../host/host.ts";
import { doAll } from "../failure.ts";

/** Files that the image contains, with the directories of k3s that they belong in. */
const PROVIDED = [
  { from: "/usr/share/k3os/images", to: "/var/lib/rancher/k3s/agent/images" },
  { from: "/usr/share/k3os/manifests", to: "/var/lib/rancher/k3s/server/manifests" },
];

/**
 * Links the image's container images and manifests into k3s's directories. An existing file is the user's and stays.
 * Old k3OS replaced it at every boot (rancher/k3os#683).
 */
export async function provideImages(host: Host): Promise<void> {
  await doAll(
    PROVIDED.map(
      ({ from, to }) =>
        () =>
          provide(host, from, to),
    ),
  );
}

async function provide(host: Host, from: string, to: string): Promise<void> {
  if (host.stat(from) === undefined) return;
  host.mkdir(to);
  await doAll(
    host.list(from).map((name) => () => {
      const found = host.stat(`${to}/${name}`);
      if (found === undefined || found.type === "link") host.symlink(`${from}/${name}`, `${to}/${name}`);
    }),
  );
}
