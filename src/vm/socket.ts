import { closeSync, openSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { basename, dirname } from "node:path";

/**
 * Connects to a Unix socket wherever it lies. Their addresses hold 107 bytes, which a deep state directory exceeds, so
 * the directory is opened and the socket reached through it.
 */
export function connectUnix(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const directory = openSync(dirname(path), "r");
    const socket = connect(`/proc/self/fd/${directory}/${basename(path)}`);
    const settle = (act: () => void) => () => {
      closeSync(directory);
      act();
    };
    socket.once(
      "connect",
      settle(() => resolve(socket)),
    );
    socket.once("error", (error) => settle(() => reject(error))());
  });
}
