import type { Host } from "../host/host.ts";

/** Waits for `work`, and meanwhile reports how large the file `path` has become. */
export async function watch<T>(
  host: Host,
  work: Promise<T>,
  path: string,
  onBytes: (bytes: number) => void,
): Promise<T> {
  let working = true;
  const ended = work.finally(() => {
    working = false;
  });
  while (working) {
    onBytes(host.stat(path)?.size ?? 0);
    await Promise.race([ended, host.sleep(200)]);
  }
  return ended;
}
