import type { Progress } from "../../progress.ts";
import type { Terminal } from "./terminal.ts";

/** Shows steps on a terminal, one line each. The line counts up if lines can be redrawn. */
export function terminalProgress({ mode, columns, write }: Pick<Terminal, "mode" | "columns" | "write">): Progress {
  if (mode === "lines") {
    return {
      step(title) {
        write(`- ${title} ... `);
        return { update: () => {}, done: (note = "done") => write(`${note}\n`), fail: () => write("failed\n") };
      },
    };
  }
  const draw = (text: string, end = "") => write(`\r\x1b[K${text.slice(0, columns - 1)}${end}`);
  return {
    step(title) {
      let shown = "...";
      draw(`  ${title} ...`);
      return {
        update(detail) {
          if (detail !== shown) draw(`  ${title}: ${detail}`);
          shown = detail;
        },
        done: (note) => draw(`- ${title}${note === undefined ? "" : `: ${note}`}`, "\r\n"),
        fail: () => draw(`x ${title}: failed`, "\r\n"),
      };
    },
  };
}
