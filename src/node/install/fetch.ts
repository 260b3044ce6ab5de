import { withoutUserInfo } from "../../config/index.ts";
import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { watch } from "../watch.ts";

/** Where the installer keeps what it fetches and mounts. Root's only: a config holds secrets. */
export const WORK = "/run/k3os/install";

export function isUrl(place: string): boolean {
  return /^(https?|ftp|tftp):\/\//.test(place);
}

/**
 * Fetches `url` into the file `path`. A server that does not answer yet is asked again for some seconds, because a network may just be
 * coming up; one that refuses is not.
 */
export async function fetchFile(
  host: Host,
  url: string,
  path: string,
  onBytes: (bytes: number) => void = () => {},
): Promise<void> {
  const patience = [
    "--connect-timeout",
    "10",
    "--retry",
    "5",
    "--retry-delay",
    "1",
    "--retry-connrefused",
    "--retry-max-time",
    "30",
  ];
  const argv = ["curl", "--fail", "--silent", "--show-error", "--location", ...patience, "--output", path, "--", url];
  const ended = host.exec(argv).then((result) => ({ result }));
  const { status, stderr } = (await watch(host, ended, path, onBytes)).result;
  if (status === 0) return;
  host.remove(path);
  const reason =
    stderr
      .trim()
      .split("\n")
      .at(-1)
      ?.replace(/^curl: \(\d+\) /, "") ?? "";
  throw new K3osError(
    "network",
    `${withoutUserInfo(url)} cannot be fetched: ${reason || `curl ended with status ${status}`}`,
    {
      hint: "Is the address right, and can this machine reach it? `ip route` shows its way out.",
    },
  );
}
