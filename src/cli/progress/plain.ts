import type { Output } from "../io.ts";
import { duration } from "./format.ts";
import type { Display } from "./index.ts";
import { logTail } from "./log-tail.ts";

/** The interval of progress lines, so that a slow step does not look hung. */
const aliveEveryMs = 60_000;

/** Progress for files and pipes: a line when a step ends, and one a minute while it runs. */
export function plainProgress(output: Output, now: () => number = () => performance.now()): Display {
  const open = new Set<() => void>();
  return {
    close() {
      for (const end of open) end();
    },
    step(title) {
      const start = now();
      let detail = "";
      const write = (sign: string, ...notes: string[]) =>
        output.write(
          `${sign} ${title} (${[...notes.filter((note) => note !== ""), duration(now() - start)].join(", ")})\n`,
        );
      const alive = setInterval(() => write("…", detail), aliveEveryMs);
      alive.unref();
      const end = (sign: string, note: string) => {
        clearInterval(alive);
        open.delete(stop);
        write(sign, note);
      };
      const stop = () => end("-", "stopped");
      open.add(stop);
      return {
        update: (text) => {
          detail = text;
        },
        done: (note = "") => end("✓", note),
        fail: (logPath) => {
          end("✗", "failed");
          if (logPath !== undefined) output.write(logTail(logPath));
        },
      };
    },
  };
}
