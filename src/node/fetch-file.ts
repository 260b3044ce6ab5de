import type { Host } from "../host/host.ts";
import { curlFailure, curlQuoted } from "./curl.ts";
import { watch } from "./watch.ts";

/** Whether a place given by the user is a URL. Otherwise it is a path. */
export function isUrl(place: string): boolean {
  return /^(https?|ftp|tftp):\/\//.test(place);
}

/**
 * Fetches `url` into the file `path`. Retries for some seconds if the server does not answer, because the network may
 * just be coming up. Does not retry if the server refuses.
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
  const argv = [
    "curl",
    "--fail",
    "--silent",
    "--show-error",
    "--location",
    ...patience,
    "--output",
    path,
    "--config",
    "-",
  ];
  const ended = host.exec(argv, { input: `url = ${curlQuoted(url)}\n` }).then((result) => ({ result }));
  const { result } = await watch(host, ended, path, onBytes);
  if (result.status === 0) return;
  host.remove(path);
  throw curlFailure(url, result);
}
