import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { SYSTEM } from "../../image/disk.ts";
import { formatBytes } from "../format-bytes.ts";
import type { SourceImage } from "../images/image.ts";
import { slotVersion } from "./switch.ts";

/** Bytes that stay free beside a new image: for its small files and the file system's own blocks. */
const RESERVE = 16 << 20;

/**
 * Makes sure that the state partition mounted at `root` has room for one more image. Images that are in no slot are
 * removed, but only if they have to be. Throws if that is not enough, with `hint` as the way out.
 */
export async function makeRoom(host: Host, root: string, image: SourceImage, hint: string): Promise<void> {
  const needed = image.size + RESERVE;
  const kept = [slotVersion(host, root, "current"), slotVersion(host, root, "previous")];
  if ((await freeBytes(host, root)) < needed && host.stat(`${root}${SYSTEM}`) !== undefined) {
    for (const name of host.list(`${root}${SYSTEM}`)) {
      const path = `${root}${SYSTEM}/${name}`;
      if (host.stat(path)?.type === "directory" && !kept.includes(name)) host.remove(path);
    }
  }
  const free = await freeBytes(host, root);
  if (free >= needed) return;
  throw new K3osError(
    "host",
    `the state partition has ${formatBytes(free)} left, and the image needs ${formatBytes(needed)}`,
    { hint },
  );
}

async function freeBytes(host: Host, root: string): Promise<number> {
  const { stdout } = await host.exec(["df", "-P", "-k", root]);
  return Number(stdout.trim().split("\n").at(-1)?.split(/\s+/)[3] ?? 0) * 1024;
}
