import { closeSync, openSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { basename, dirname } from "node:path";

/**
 * Connects to a Unix socket at any path. A socket's address holds 107 bytes, which a deep directory exceeds, so the
 * directory is opened and the socket reached through it. If the connection breaks later, it emits "close".
 */
export function connectUnix(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const directory = openSync(dirname(path), "r");
    const socket = connect(`/proc/self/fd/${directory}/${basename(path)}`);
    // Closed only once, because after that the number may belong to another file.
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
