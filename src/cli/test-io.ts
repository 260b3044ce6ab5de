import { Writable } from "node:stream";
import type { Io } from "./io.ts";

/** An Io for tests. It records what was printed and is no terminal. */
export function testIo(env: Io["env"] = {}): Io & { out(): string; err(): string } {
  const [stdout, stderr] = [collector(), collector()];
  return { stdout, stderr, env, signal: new AbortController().signal, out: () => stdout.text, err: () => stderr.text };
}

export function collector(): Writable & { text: string } {
  const writable = Object.assign(
    new Writable({
      write(chunk, _encoding, done) {
        writable.text += chunk.toString();
        done();
      },
    }),
    { text: "" },
  );
  return writable;
}
