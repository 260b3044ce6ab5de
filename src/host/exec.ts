import { concat } from "../formats/bytes.ts";
import type { ExecOptions, ExecResult, Host } from "./host.ts";
import { decodeUtf8 } from "./utf8.ts";

/** On a busy processor it gets a tenth of what others get, so that it still comes to its end. A node has no nice(1). */
const IN_BACKGROUND = ["sh", "-c", 'renice -n 10 $$ >/dev/null; exec ionice -c idle "$@"', "background"];

/** `exec` of every host, by `spawn`: collects the output of the program. */
export async function execBy(
  spawn: Host["spawn"],
  argv: readonly string[],
  { inherit = false, background = false, ...options }: ExecOptions,
): Promise<ExecResult> {
  const stdout: Uint8Array[] = [];
  const stderr: Uint8Array[] = [];
  const keep = {
    onChunk: (chunk: Uint8Array) => void stdout.push(chunk),
    onErrorChunk: (chunk: Uint8Array) => void stderr.push(chunk),
  };
  const started = background ? [...IN_BACKGROUND, ...argv] : argv;
  const status = await spawn(started, inherit ? options : { ...options, ...keep }).ended;
  return { status, stdout: decodeUtf8(concat(stdout)), stderr: decodeUtf8(concat(stderr)) };
}
