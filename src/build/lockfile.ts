import { interrupted, K3osError } from "../errors.ts";
import { outputOf, startPiped } from "../process/run.ts";

/**
 * Runs `action` while no other process holds the lock at `path`. The kernel keeps the lock, by way of flock(1) (part of
 * every Debian and Ubuntu): it is free again the moment this process ends, however it ends.
 */
export async function withLock<T>(path: string, signal: AbortSignal, action: () => Promise<T>): Promise<T> {
  const release = await acquire(path, signal);
  try {
    return await action();
  } finally {
    release();
  }
}

/** Whether some process holds the lock. */
export async function isLocked(path: string): Promise<boolean> {
  return (await outputOf({ argv: ["flock", "--nonblock", path, "true"] })).status !== 0;
}

function acquire(path: string, signal: AbortSignal): Promise<() => void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(interrupted());
    // The holder lives as long as its standard input is open, and that closes with this process.
    const holder = startPiped({ argv: ["flock", path, "sh", "-c", "echo; exec cat"] });
    const stop = () => holder.kill();
    signal.addEventListener("abort", stop, { once: true });
    holder.stdin.on("error", () => {});
    let complaint = "";
    holder.stderr.setEncoding("utf8").on("data", (text: string) => (complaint += text));
    holder.stdout.once("data", () => {
      signal.removeEventListener("abort", stop);
      resolve(() => holder.stdin.end());
    });
    holder.once("error", (cause) =>
      reject(new K3osError("host", "flock is missing.", { hint: "Install the package util-linux.", cause })),
    );
    holder.once("close", () =>
      reject(signal.aborted ? interrupted() : new K3osError("host", `The cache cannot be locked: ${complaint.trim()}`)),
    );
  });
}
