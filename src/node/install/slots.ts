import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { SYSTEM, slotDirectory, slotLink } from "../../image/disk.ts";
import { formatBytes } from "./disks.ts";
import type { SourceImage } from "./image.ts";

/** The version that a link of the state partition at `root` names, if it has that link. */
export function slotVersion(host: Host, root: string, slot: "current" | "previous"): string | undefined {
  const link = `${root}${slotLink(slot)}`;
  return host.stat(link)?.type === "link" ? host.readLink(link) : undefined;
}

/** Makes room for an image among those of a state partition: what neither link names goes first. Throws if that is not enough. */
export async function makeRoom(host: Host, root: string, image: SourceImage): Promise<void> {
  const needed = image.size + (16 << 20);
  const kept = [slotVersion(host, root, "current"), slotVersion(host, root, "previous")];
  if ((await freeBytes(host, root)) < needed) {
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
    {
      hint: "Remove data from it, or install without --no-format, which erases everything.",
    },
  );
}

/**
 * Where an image is put that becomes `current`: its own directory, or beside it if one of the same version is in use, whose files must not
 * change while it is.
 */
export function stagingDirectory(host: Host, root: string, version: string): string {
  const own = `${root}${slotDirectory(version)}`;
  return host.stat(own) === undefined ? own : `${own}.new`;
}

/**
 * Makes the staged image the one that boots, without a moment in which there is none: the links always name a whole directory, while the
 * files move by hard links.
 */
export async function switchTo(host: Host, root: string, version: string, staged: string): Promise<void> {
  const own = `${root}${slotDirectory(version)}`;
  const before = slotVersion(host, root, "current");
  await run(host, ["sync", "-f", root]);
  if (before !== undefined && before !== version && before !== `${version}.new`) {
    host.symlink(before, `${root}${slotLink("previous")}`);
  }
  if (staged !== own) {
    host.symlink(`${version}.new`, `${root}${slotLink("current")}`);
    await run(host, ["sync", "-f", root]);
    host.remove(own);
    await run(host, ["cp", "-al", staged, own]);
  }
  host.symlink(version, `${root}${slotLink("current")}`);
  await run(host, ["sync", "-f", root]);
  if (staged !== own) host.remove(staged);
}

async function freeBytes(host: Host, root: string): Promise<number> {
  const { stdout } = await host.exec(["df", "-P", "-k", root]);
  return Number(stdout.trim().split("\n").at(-1)?.split(/\s+/)[3] ?? 0) * 1024;
}
