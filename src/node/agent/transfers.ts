/** One curl for the watches of several resources. */
import type { Child, Host, Pipe } from "../../host/host.ts";
import { type CurlSettings, curlConfig, withoutTime } from "../curl.ts";
import { type ApiAccess, accessSettings } from "../health/api.ts";
import { retryAfterMs } from "./answer.ts";
import { lineSplitter } from "./lines.ts";

export interface WatchLimits {
  /** Until the connection is there. */
  readonly connectSeconds: number;
  /** A watch of which nothing comes for so long is dead. The server tells of each about once a minute. */
  readonly silenceSeconds: number;
  /** How long a watch goes on, at least and at most. */
  readonly lifeSeconds: readonly [number, number];
  /** How long curl may outlive that. */
  readonly graceSeconds: number;
  /** A longer line is an error. */
  readonly lineBytes: number;
  /** How late curl may notice that time has passed. 0: at once. */
  readonly slackSeconds: number;
}

export const WATCH_LIMITS: WatchLimits = {
  connectSeconds: 10,
  silenceSeconds: 150,
  lifeSeconds: [300, 590],
  graceSeconds: 30,
  lineBytes: 1024 * 1024,
  slackSeconds: 60,
};

/**
 * The command. curl looks at its clock every second, which nobody needs: the kernel lets it be late. Output wakes it at
 * once nevertheless.
 */
export function watchCommand({ slackSeconds }: WatchLimits): readonly string[] {
  const curl = ["curl", "--silent", "--no-progress-meter", "--no-buffer", "--parallel", "--http2", "--config", "-"];
  if (slackSeconds === 0) return curl;
  const script = 'echo "$0" >/proc/self/timerslack_ns; exec "$@"';
  return ["sh", "-c", script, `${slackSeconds * 1e9}`, ...curl];
}

const MARK = "k3os-end ";

/** The text for curl's `--config`. At the end of each transfer curl writes a line to stderr; `endOf` reads it. */
export function watchConfig(
  access: ApiAccess,
  transfers: readonly { readonly path: string; readonly output: string }[],
  limits: WatchLimits,
  lifeSeconds: number,
): string {
  const settings: CurlSettings = [
    ...accessSettings(access),
    ["connect-timeout", `${limits.connectSeconds}`],
    ["keepalive-time", "30"],
    ["speed-limit", "1"],
    ["speed-time", `${limits.silenceSeconds}`],
    ["max-time", `${lifeSeconds + limits.graceSeconds}`],
    // stderr, because stdout keeps it until curl ends.
    ["write-out", `%{stderr}${MARK}%{urlnum} %{http_code} %{exitcode} [%header{retry-after}] %{errormsg}\n`],
  ];
  const each = transfers.flatMap(
    ({ path, output }): CurlSettings => [
      ["url", `${access.server}${path}`],
      ["output", output],
    ],
  );
  return curlConfig([...settings, ...each]);
}

/** The end of a transfer. */
export interface TransferEnd {
  /** Which of the transfers. */
  readonly index: number;
  /** The status of HTTP; 0 if nothing answered. */
  readonly status: number;
  /** Why curl has ended it; empty if the server has. */
  readonly reason: string;
  readonly retryAfterMs: number | undefined;
}

/** Reads a line of curl's stderr; `undefined` if it tells of no end. */
export function endOf(line: string): TransferEnd | undefined {
  const found = /^k3os-end (\d+) (\d+) (\d+) \[(.*?)\] (.*)$/.exec(line);
  if (found === null) return undefined;
  const [, index, status, curlStatus, retryAfter, said = ""] = found;
  const reason = curlStatus === "0" ? "" : withoutTime(said) || `curl ended with status ${curlStatus}`;
  return { index: Number(index), status: Number(status), reason, retryAfterMs: retryAfterMs(retryAfter, undefined) };
}

/** Takes what transfers tell. */
export interface Receiver {
  onLine(index: number, line: string): void;
  /** A line is longer than allowed. Nothing more of this transfer is told. */
  onTooLong(index: number): void;
  onEnd(end: TransferEnd): void;
}

export interface Transfers {
  /** Why curl has ended before it told the end of any transfer; empty if it did tell, or was killed by `kill`. */
  readonly ended: Promise<string>;
  kill(): void;
}

/** Starts curl for several paths of the API. Throws a `HostError` if the system has no room for it. */
export function startTransfers(
  host: Host,
  access: ApiAccess,
  paths: readonly string[],
  limits: WatchLimits,
  lifeSeconds: number,
  receiver: Receiver,
): Transfers {
  const pipes: Pipe[] = [];
  let child: Child | undefined;
  let isKilled = false;
  let hasToldEnd = false;
  let said = "";
  const kill = () => {
    isKilled = true;
    child?.kill();
  };
  const split = lineSplitter(limits.lineBytes);
  const takeErrors = (chunk: Uint8Array) => {
    for (const line of split(chunk).lines) {
      const end = endOf(line);
      if (end === undefined) said = line;
      else {
        hasToldEnd = true;
        receiver.onEnd(end);
      }
    }
  };
  const closeAll = async () => {
    for (const pipe of pipes) await pipe.close();
  };
  try {
    for (const index of paths.keys()) pipes.push(openLines(host, limits.lineBytes, index, receiver));
    const transfers = paths.map((path, index) => ({ path, output: pipes[index]?.path ?? "" }));
    const input = watchConfig(access, transfers, limits, lifeSeconds);
    child = host.spawn(watchCommand(limits), { input, onChunk: () => {}, onErrorChunk: takeErrors });
  } catch (error) {
    void closeAll();
    throw error;
  }
  // It may have told something before `spawn` returned.
  if (isKilled) child.kill();
  const end = async (status: number) => {
    await closeAll();
    return isKilled || hasToldEnd ? "" : `curl ended with status ${status}${said && `: ${said}`}.`;
  };
  return { ended: child.ended.then(end), kill };
}

function openLines(host: Host, lineBytes: number, index: number, receiver: Receiver): Pipe {
  const split = lineSplitter(lineBytes);
  let wasTooLong = false;
  return host.openPipe((chunk) => {
    const { lines, isTooLong } = split(chunk);
    for (const line of lines) receiver.onLine(index, line);
    if (isTooLong && !wasTooLong) receiver.onTooLong(index);
    wasTooLong = isTooLong;
  });
}
