import { closeSync, openSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { basename, dirname } from "node:path";

/**
 * Connects to a Unix socket wherever it lies. Their addresses hold 107 bytes, which a deep state directory exceeds, so
 * the directory is opened and the socket reached through it. A connection that breaks later emits "close".
 */
export function connectUnix(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const directory = openSync(dirname(path), "r");
    const socket = connect(`/proc/self/fd/${directory}/${basename(path)}`);
    // Closed once only: by a second call, the number may belong to another file.
    const settle = (act: () => void) => {
      closeSync(directory);
      socket
        .off("connect", connected)
        .off("error", refused)
        .on("error", () => {});
      act();
    };
    const connected = () => settle(() => resolve(socket));
    const refused = (error: Error) => settle(() => reject(error));
    socket.once("connect", connected).once("error", refused);
  });
}
