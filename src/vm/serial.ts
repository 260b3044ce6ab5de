import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { K3osError } from "../errors.ts";
import { connectUnix } from "./socket.ts";
import { poll, sleep } from "./wait.ts";

/** Reads a growing log piece by piece, each byte once. If a shorter log replaces it, reads that one from its start. */
export class LogReader {
  readonly #path: string;
  readonly #decoder = new TextDecoder();
  #offset = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** What was written since the last call. */
  next(): string {
    let file: number;
    try {
      file = openSync(this.#path, "r");
    } catch {
      return ""; // not yet written
    }
    try {
      const { size } = fstatSync(file);
      if (size < this.#offset) this.#offset = 0;
      const bytes = new Uint8Array(size - this.#offset);
      const length = readSync(file, bytes, 0, bytes.length, this.#offset);
      this.#offset += length;
      return this.#decoder.decode(bytes.subarray(0, length), { stream: true });
    } finally {
      closeSync(file);
    }
  }
}

/** A machine's serial console: everything it printed since power-on, and a keyboard. */
export class Serial {
  readonly #socketPath: string;
  readonly #reader: LogReader;
  #text = "";
  #seen = 0;

  constructor(logPath: string, socketPath: string) {
    this.#reader = new LogReader(logPath);
    this.#socketPath = socketPath;
  }

  /** Everything printed so far, without escape sequences and carriage returns. */
  text(): string {
    this.#text += this.#reader.next();
    return plain(this.#text);
  }

  /**
   * Waits for something to be printed and returns the match. Each call searches after the previous match, so a dialogue
   * is written in order: `expect(/login:/)`, `send("rancher
   * ")`, `expect(/Password:/)`.
   */
  async expect(
    pattern: RegExp | string,
    options: { timeoutMs?: number; signal?: AbortSignal } = {},
  ): Promise<RegExpExecArray> {
    const wanted = typeof pattern === "string" ? new RegExp(pattern.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")) : pattern;
    const timeoutMs = options.timeoutMs ?? 60_000;
    const match = await poll(() => wanted.exec(this.text().slice(this.#seen)) ?? undefined, {
      timeoutMs,
      everyMs: 100,
      signal: options.signal,
    });
    if (match === undefined) {
      throw new K3osError("machine", `The console did not print ${wanted} within ${Math.round(timeoutMs / 1000)} s.`, {
        hint: `Its last lines:\n${lastLines(this.text(), 15)}`,
      });
    }
    this.#seen += match.index + match[0].length;
    return match;
  }

  /** Types on the console, slowly enough for a login prompt under emulation. Rejects if the machine ends meanwhile. */
  async send(text: string): Promise<void> {
    const socket = await connectUnix(this.#socketPath);
    try {
      for (const character of text) {
        socket.write(character);
        await sleep(5);
        if (socket.destroyed) throw new K3osError("machine", "The console hung up while it was typed on.");
      }
    } finally {
      socket.end();
    }
  }
}

/**
 * Removes escape sequences, carriage returns and other control characters. Text that is placed by coordinates starts a
 * new line.
 */
export function plain(text: string): string {
  return text
    .replace(/(?:\x1b\[\d+;\d+H\s*)+/g, "\n") // a menu places its lines
    .replace(/\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_78=>]/g, "")
    .replace(/[\x00-\x08\x0b-\x1f\x7f]/g, "");
}

export function lastLines(text: string, count: number): string {
  const lines = plain(text)
    .split("\n")
    .filter((line) => line.trim() !== "");
  return lines
    .slice(-count)
    .map((line) => line.trimEnd().slice(0, 200))
    .join("\n");
}
