import { concat } from "../formats/bytes.ts";
import type { ExecOptions, ExecResult, Host } from "./host.ts";
import { decodeUtf8 } from "./utf8.ts";

/** Each program starts the next one in its own place. */
const IN_BACKGROUND = ["nice", "-n", "19", "ionice", "-c", "idle"];

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
