import { describe, expect, it } from "vitest";
import { K3osError } from "../errors.ts";
import { outputOf, runCommand, runForeground, show } from "./run.ts";

it("returns the program's status", async () => {
  expect(await runForeground({ argv: ["sh", "-c", "exit $STATUS"], env: { STATUS: "7" } })).toBe(7);
});

it.each([
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const)("passes %s on, so that no program outlives us", async (signal, status) => {
  const ended = runForeground({ argv: ["sleep", "60"], env: {} });
  process.emit(signal, signal);
  expect(await ended).toBe(status);
  expect(process.listenerCount(signal)).toBe(0);
});

describe("outputOf", () => {
  it("collects what a program prints, and its status", async () => {
    const output = await outputOf({ argv: ["sh", "-c", "cat; echo wrong >&2; exit 3"] }, { input: "read" });
    expect(output).toEqual({ status: 3, stdout: "read", stderr: "wrong\n" });
  });

  it("kills a program that takes too long, with its children", async () => {
    const output = await outputOf({ argv: ["sh", "-c", "sleep 60 & wait"] }, { timeoutMs: 50 });
    expect(output.status).toBe(124);
  });

  it("kills a program that has printed what was waited for", async () => {
    const argv = ["sh", "-c", "echo first; echo second; exec sleep 60"];
    const output = await outputOf({ argv }, { until: (text) => text.includes("second") });
    expect(output).toMatchObject({ status: 137, stdout: "first\nsecond\n" });
  });

  it("stops a program that is aborted, and throws why", async () => {
    const stop = new AbortController();
    const reason = new K3osError("interrupted", "Enough.");
    const argv = ["sh", "-c", "echo ready >&2; exec sleep 60"];
    const running = outputOf({ argv }, { signal: stop.signal, onErrorLine: () => stop.abort(reason) });
    await expect(running).rejects.toBe(reason);
  });

  it("takes a variable out of the environment", async () => {
    const command = { argv: ["sh", "-c", "echo $HOME."], env: { HOME: undefined } };
    expect((await outputOf(command)).stdout).toBe(".\n");
  });

  it("says which program cannot be started", async () => {
    await expect(outputOf({ argv: ["/no/such/program"] })).rejects.toMatchObject({
      kind: "host",
      message: expect.stringMatching(/^\/no\/such\/program could not be started/),
    });
  });
});

it("runCommand fails with the last lines of standard error", async () => {
  const failure = runCommand(["sh", "-c", "echo out; echo one >&2; echo two >&2; exit 9"]);
  await expect(failure).rejects.toMatchObject({
    message: "sh ended with status 9: two",
    status: 9,
    stdout: "out\n",
    stderr: "one\ntwo",
  });
});

it("show hands over each line, also the last one without an end", async () => {
  const lines: string[] = [];
  const argv = ["printf", "one\\ntwo\\nthree"];
  expect(await show({ argv }, { onLine: (line) => lines.push(line) })).toBe(0);
  expect(lines).toEqual(["one", "two", "three"]);
});
