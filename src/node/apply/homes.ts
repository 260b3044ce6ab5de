import type { Host } from "../../host/host.ts";

/** The files that a new home starts with. */
const SKELETON = "/etc/skel";

/** Makes a home with the files of the skeleton. An existing home keeps its content. */
export function makeHome(host: Host, home: string, id: number): void {
  if (host.stat(home)?.uid === id) return;
  if (host.stat(home) === undefined) {
    host.mkdir(home, { mode: 0o700 });
    const files = host.stat(SKELETON) === undefined ? [] : host.list(SKELETON);
    for (const name of files.filter((one) => host.stat(`${SKELETON}/${one}`)?.type === "file")) {
      host.write(`${home}/${name}`, host.read(`${SKELETON}/${name}`));
      host.chown(`${home}/${name}`, `${id}:${id}`);
    }
  }
  host.chown(home, `${id}:${id}`);
}
