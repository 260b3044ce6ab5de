import { closeSync, openSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { basename, dirname } from "node:path";

/**
 * Connects to a Unix socket wherever it lies. Their addresses hold 107 bytes, which a deep state directory exceeds, so
 * the directory is opened and the socket reached through it. What breaks a connection later ends it: "close" tells.
 */
export function connectUnix(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const directory = openSync(dirname(path), "r");
    const socket = connect(`/proc/self/fd/${directory}/${basename(path)}`);
    // Once only: a number that was closed may be somebody else's by the time of a second call.
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
