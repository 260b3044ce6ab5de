import type { ChildProcessByStdio } from "node:child_process";
import type { Readable } from "node:stream";

/** Runs `use` with a local port that kubectl forwards to `port` of `target`, and ends kubectl after it. */
export async function forwardPort(
  kubectl: (args: readonly string[]) => ChildProcessByStdio<null, Readable, null>,
  target: string,
  port: number,
  use: (localPort: number) => Promise<void>,
): Promise<void> {
  const child = kubectl(["port-forward", target, `:${port}`]);
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  try {
    await use(await announcedPort(child.stdout));
  } finally {
    child.kill();
    await ended;
  }
}

function announcedPort(stdout: Readable): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = "";
    stdout.setEncoding("utf8").on("data", (part: string) => {
      text += part;
      const port = /127\.0\.0\.1:(\d+) ->/.exec(text)?.[1];
      if (port !== undefined) resolve(Number(port));
    });
    stdout.once("close", () => reject(new Error(`kubectl port-forward ended: ${text}`)));
  });
}
