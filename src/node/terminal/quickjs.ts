import * as os from "qjs:os";
import * as std from "qjs:std";
import type { Host } from "../../host/host.ts";
import { decodeUtf8 } from "../../host/utf8.ts";
import type { Terminal } from "./terminal.ts";

/**
 * We handle control characters ourselves. Ctrl-C stays a signal, so that it also reaches the programs that we have
 * started.
 */
const KEY_BY_KEY = ["-icanon", "-echo", "-ixon", "min", "1", "time", "0"];

/** The terminal of this process, using stty(1) and QuickJS's event loop. */
export async function quickjsTerminal(host: Host): Promise<Terminal> {
  const isTerminal = os.isatty(0) && os.isatty(1);
  const saved = isTerminal ? (await host.exec(["stty", "-g"])).stdout.trim() : "";
  const smart = isTerminal && saved !== "" && !["", "dumb", "unknown"].includes(host.env.TERM ?? "");
  const set = async (settings: readonly string[]) => {
    if (saved !== "") await host.exec(["stty", ...settings]);
  };
  if (smart) await set(KEY_BY_KEY);

  let wake: ((text: string | undefined) => void) | undefined;
  let bytes = new Uint8Array();
  let interrupted = false;
  const settle = (text: string | undefined) => {
    os.setReadHandler(0, null);
    const resolve = wake;
    wake = undefined;
    resolve?.(text);
  };
  os.signal(os.SIGINT, () => {
    interrupted = true;
    settle("\x03");
  });

  const readInput = () => {
    const chunk = new Uint8Array(4096);
    const count = os.read(0, chunk.buffer, 0, chunk.length);
    if (count <= 0) return settle(undefined);
    const all = new Uint8Array(bytes.length + count);
    all.set(bytes);
    all.set(chunk.subarray(0, count), bytes.length);
    const whole = wholeCharacters(all);
    bytes = all.slice(whole);
    if (whole > 0) settle(decodeUtf8(all.subarray(0, whole)));
  };

  return {
    mode: smart ? "keys" : "lines",
    columns: (smart && os.ttyGetWinSize(1)?.[0]) || 80,
    get interrupted() {
      return interrupted;
    },
    write: (text) => {
      std.out.puts(text);
      std.out.flush();
    },
    read: (timeoutMs) =>
      new Promise((resolve) => {
        interrupted = false;
        const timer = timeoutMs === undefined ? undefined : os.setTimeout(() => settle(""), timeoutMs);
        wake = (text) => {
          if (timer !== undefined) os.clearTimeout(timer);
          resolve(text);
        };
        os.setReadHandler(0, readInput);
      }),
    showTyping: (visible) => set([visible ? "echo" : "-echo"]),
    close: async () => {
      os.setReadHandler(0, null);
      os.signal(os.SIGINT, null);
      if (saved !== "") await host.exec(["stty", saved]);
    },
  };
}

/** How many bytes form whole UTF-8 characters. The last character may be incomplete. */
function wholeCharacters(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) break;
    if (byte < 0xc0) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return length > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}
