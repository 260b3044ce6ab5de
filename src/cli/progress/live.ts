import { createLogUpdate } from "log-update";
import pico from "picocolors";
import type { Output } from "../io.ts";
import { duration, fit } from "./format.ts";
import type { Display } from "./index.ts";
import { logTail } from "./log-tail.ts";

const frames = [..."⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"];
const frameMs = 100;

interface Running {
  readonly title: string;
  readonly start: number;
  detail: string;
}

/** Progress for a terminal. Finished steps scroll away above; running steps are redrawn in place below. */
export function liveProgress(output: Output, coloured: boolean): Display {
  const colours = pico.createColors(coloured);
  const display = createLogUpdate(output as NodeJS.WriteStream);
  const running = new Set<Running>();
  let ticker: NodeJS.Timeout | undefined;
  let frame = 0;

  const draw = () => {
    const sign = frames[frame++ % frames.length] ?? "";
    const lines = [...running].map(({ title, start, detail }) => {
      const time = duration(performance.now() - start);
      const room = (output.columns ?? 80) - title.length - time.length - 6;
      return `${colours.cyan(sign)} ${title}  ${detail === "" ? "" : `${fit(detail, room)}  `}${colours.dim(time)}`;
    });
    display(lines.join("\n"));
  };
  const end = (step: Running, line: string) => {
    running.delete(step);
    display.persist(line);
    if (running.size > 0) return draw();
    clearInterval(ticker);
    ticker = undefined;
    display.clear();
    display.done(); // gives the cursor back
  };

  return {
    close() {
      for (const step of running) end(step, `${colours.yellow("-")} ${step.title}  ${colours.dim("stopped")}`);
    },
    step(title) {
      const step: Running = { title, start: performance.now(), detail: "" };
      running.add(step);
      ticker ??= setInterval(draw, frameMs);
      draw();
      const notes = (...texts: string[]) =>
        colours.dim([...texts.filter((text) => text !== ""), duration(performance.now() - step.start)].join(", "));
      return {
        update: (detail) => {
          step.detail = detail;
        },
        done: (note = "") => end(step, `${colours.green("✓")} ${title}  ${notes(note)}`),
        fail: (logPath) => {
          end(step, `${colours.red("✗")} ${title}  ${notes("failed")}`);
          if (logPath === undefined) return;
          display.clear(); // what log-update prints is cut to the height of the terminal
          output.write(logTail(logPath));
          if (running.size > 0) draw();
        },
      };
    },
  };
}
