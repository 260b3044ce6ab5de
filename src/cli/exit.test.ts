import { CommanderError } from "commander";
import { describe, expect, it } from "vitest";
import { type ErrorKind, K3osError } from "../errors.ts";
import { run, statusOf } from "./exit.ts";
import { ExitWith, reportError } from "./report.ts";
import { testIo } from "./test-io.ts";

describe("statusOf", () => {
  it.each<[unknown, number]>([
    ...(["config", "host", "network", "integrity", "busy", "build", "machine"] as ErrorKind[]).map(
      (kind): [unknown, number] => [new K3osError(kind, "…"), 1],
    ),
    [new K3osError("usage", "…"), 2],
    [new K3osError("interrupted", "…"), 130],
    [new CommanderError(1, "commander.unknownOption", "…"), 2],
    [new CommanderError(0, "commander.helpDisplayed", "…"), 0],
    [new ExitWith(7), 7],
    [new TypeError("…"), 1],
  ])("%s → %i", (error, status) => {
    expect(statusOf(error)).toBe(status);
  });
});

describe("reportError", () => {
  it("tells an expected failure as a sentence and its way out", () => {
    const io = testIo();
    reportError(new K3osError("host", "Go is missing.", { hint: "Install it.\nOr not." }), io);
    expect(io.err()).toBe("k3os: Go is missing.\n  Install it.\n  Or not.\n");
  });

  it("calls anything else a bug, with the stack only on request", () => {
    const io = testIo();
    reportError(new TypeError("x is not a function"), io);
    expect(io.err()).toBe(
      "k3os: This is a bug in k3OS: x is not a function\n  Run it again with K3OS_DEBUG=1 and report what it prints.\n",
    );
    const debug = testIo({ K3OS_DEBUG: "1" });
    reportError(new TypeError("x is not a function"), debug);
    expect(debug.err()).toMatch(/exit\.test\.ts/);
  });
});

describe("run", () => {
  it.each<[string, number, RegExp]>([
    ["frob", 2, /^k3os: Unknown command 'frob'/],
    ["up --cpus none", 2, /It must be a whole number from 1 to 64\./],
    ["up --memory 256M", 2, /too little for a Kubernetes node: 512 MiB are the least\./],
    ["up --memory lots", 2, /"lots" is no amount of memory\./],
    ["up --accel magic", 2, /Allowed choices are kvm, tcg\./],
    ["build --format raw --format iso", 2, /^k3os: Option '--format <format>' was given twice\n/],
    ["up --config a.yaml --config=b.yaml", 2, /Option '--config <file>' was given twice/],
    ["up -n a --name b", 2, /Option '-n, --name <name>' was given twice/],
    ["up extra", 2, /Too many arguments/],
    ["up --config /no/such.yaml", 1, /^k3os: \/no\/such\.yaml cannot be read: there is no such file\.\n$/],
    ["down --name Not_A_Name", 2, /"Not_A_Name" cannot be the name of a machine\./],
    ["status --name no-such-machine", 1, /^k3os: There is no machine named "no-such-machine"\./],
    ["kubectl --name no-such-machine get --name x", 1, /no machine named "no-such-machine"/],
    ["ssh --name no-such-machine -- uptime", 1, /no machine named "no-such-machine"/],
    ["logs --name no-such-machine", 1, /no machine named "no-such-machine"/],
    ["image load", 2, /Missing required argument 'file'/],
    ["config check /no/such.yaml", 1, /cannot be read: there is no such file/],
    ["completion tcsh", 2, /Allowed choices are bash, zsh, fish\./],
    ["", 2, /Usage: k3os/],
  ])("%s → %i", async (line, status, message) => {
    const io = testIo();
    expect(await run(line.split(" ").filter(Boolean), io)).toBe(status);
    expect(io.err()).toMatch(message);
    expect(io.err()).not.toMatch(/\n\s+at /);
    expect(io.out()).toBe("");
  });

  it("ends with the reason of a Ctrl-C, whatever broke because of it", async () => {
    const io = { ...testIo(), signal: AbortSignal.abort(new K3osError("interrupted", "Interrupted.")) };
    expect(await run(["frob"], io)).toBe(130);
    expect(io.err()).toMatch(/k3os: Interrupted\.\n$/);
  });
});
