import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import { K3osError } from "../errors.ts";
import { connectUnix } from "./socket.ts";

/** A connection to QEMU's control socket. QEMU serves one at a time: close it when done. */
export interface Qmp {
  /**
   * Runs a command and returns its result. Throws if QEMU refuses it or does not answer. A QEMU that is paused, or
   * serves another connection, accepts this one but does not answer.
   */
  execute(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** Resolves when QEMU closes the connection, which it does when it ends. */
  readonly closed: Promise<void>;
  close(): void;
}

/** Connects and negotiates. Rejects with the socket's error when no QEMU listens. */
export async function connectQmp(path: string, timeoutMs = 5000): Promise<Qmp> {
  const qmp = speak(await connectUnix(path), timeoutMs);
  await qmp.execute("qmp_capabilities");
  return qmp;
}

interface Reply {
  readonly id?: number;
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

function speak(socket: Socket, timeoutMs: number): Qmp {
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let next = 0;
  const lines = createInterface(socket);
  lines.on("line", (line) => {
    const reply = JSON.parse(line) as Reply;
    if (reply.id === undefined) return; // the greeting, or an event
    const request = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (reply.error === undefined) request?.resolve(reply.return);
    else request?.reject(new K3osError("machine", `QEMU refused: ${reply.error.desc}`));
  });
  // The "close" event reports a broken connection, too.
  lines.on("error", () => {});
  const closed = new Promise<void>((resolve) => {
    socket.once("close", () => {
      for (const request of waiting.values()) request.reject(hungUp());
      waiting.clear();
      resolve();
    });
  });
  return {
    closed,
    execute: (command, args) =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) return reject(hungUp());
        const id = next++;
        const timer = setTimeout(() => socket.destroy(), timeoutMs);
        const settled =
          <T>(act: (value: T) => void) =>
          (value: T) => {
            clearTimeout(timer);
            act(value);
          };
        waiting.set(id, { resolve: settled(resolve), reject: settled(reject) });
        socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
      }),
    close: () => socket.destroy(),
  };
}

function hungUp(): K3osError {
  return new K3osError("machine", "QEMU closed its control socket.");
}
