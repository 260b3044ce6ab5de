import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll } from "vitest";
import { type BuiltImage, build } from "../../../src/build/index.ts";
import type { OwnDisk } from "../../../src/vm/disk.ts";
import { findMachine, type Machine, type StartOptions, startMachine } from "../../../src/vm/machine.ts";
import type { Boot } from "../../../src/vm/qemu.ts";
import { waitReady } from "../../../src/vm/ready.ts";

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const launcher = join(import.meta.dirname, "../../../k3os");

/** A machine that `./k3os up` started for one file of tests, and the commands of a user who works with it. */
export interface TestMachine {
  /** The machine behind the commands: its console, its files. */
  readonly machine: Machine;
  /** Runs `./k3os ARGS`, in the state directory of this file of tests. */
  k3os(args: readonly string[], options?: { readonly input?: string }): Promise<Ran>;
  /** Runs kubectl against the machine and returns what it printed; throws if it fails. */
  kubectl(...args: string[]): Promise<string>;
  /** Creates or changes what the manifest says. */
  apply(manifest: object): Promise<string>;
  /** Runs a line of shell on the node and returns what it printed; throws if it fails. */
  node(command: string): Promise<string>;
}

export interface TestMachineOptions {
  readonly name: string;
  /** The text of config.yaml. */
  readonly config?: string;
  /** More options of `./k3os up`. */
  readonly up?: readonly string[];
  /** Start it by the library that `up` stands on: what to boot, and a wrong config, are then for the test to say. */
  readonly boot?: (image: BuiltImage) => Promise<Boot>;
  /** With `boot`: a disk of its own. */
  readonly disk?: () => Promise<OwnDisk>;
  /** With `boot`: what to wait for, a Ready node if not given. */
  readonly until?: "powered on" | "ready";
  /** With `boot`: what is unusual about the machine. */
  readonly hardware?: (image: BuiltImage) => Promise<Pick<StartOptions, "nics" | "clock" | "disks">>;
}

/** Whether `./k3os test --keep` wants the machines of a failed test to run on. It tells how to reach them, and what to remove. */
export const keepsFailed = process.env.K3OS_TEST_KEEP === "1";

/**
 * Registers a machine for this file: up before its tests, down after them, its console printed when one of them, or the start
 * itself, failed.
 */
export function useMachine({ name, config, up = [], boot, disk, hardware, until }: TestMachineOptions): TestMachine {
  const directory = mkdtempSync(join(tmpdir(), "k3os-test-"));
  const home = join(directory, "k3os/machines");
  const k3os: TestMachine["k3os"] = (args, { input = "" } = {}) =>
    runProgram(launcher, args, { input, env: { XDG_STATE_HOME: directory } });

  const found = () => {
    const machine = findMachine(name, home);
    if (machine === undefined) throw new Error(`there is no machine ${name}`);
    return machine;
  };

  const showConsole = () => {
    const machine = findMachine(name, home);
    console.log(
      `--- console of ${name}\n${machine?.serial.text() ?? "(it was never started)"}\n--- end of the console`,
    );
  };

  const upCommand = async () => {
    const configFile = join(directory, "config.yaml");
    if (config !== undefined) writeFileSync(configFile, config);
    const options = ["--name", name, "--memory", "1G", ...(config === undefined ? [] : ["--config", configFile])];
    const ran = await k3os(["up", ...options, ...up]);
    if (ran.status !== 0) throw new Error(`./k3os up ended with ${ran.status}\n${ran.stdout}${ran.stderr}`);
  };

  const upLibrary = async (what: NonNullable<typeof boot>) => {
    const image = await build();
    const { tools, k3s } = image;
    const usual = { accel: "tcg", memoryMiB: 1024, cpus: 2 } as const;
    const unusual = await hardware?.(image);
    const own = await disk?.();
    const options = { name, home, tools, boot: await what(image), ...usual, ...unusual, config, k3s, disk: own };
    const machine = await startMachine(options);
    if (until !== "powered on") await waitReady(machine, { timeoutMs: 400_000 });
  };

  let failed = false;
  beforeAll(async () => {
    try {
      await (boot === undefined ? upCommand() : upLibrary(boot));
    } catch (error) {
      failed = true;
      throw error;
    }
  });
  afterEach(({ task }) => {
    failed ||= task.result?.state === "fail";
  });
  afterAll(async () => {
    if (failed) showConsole();
    if (failed && keepsFailed) return;
    await k3os(["down", "--name", name, "--force", "--purge"]);
    rmSync(directory, { recursive: true, force: true });
  });

  const kubectl = async (...args: string[]) => successful(await k3os(["kubectl", "--name", name, ...args]), args);
  return {
    get machine() {
      return found();
    },
    k3os,
    kubectl,
    apply: async (manifest) => {
      // Without validation: kubectl would ask for the whole OpenAPI document, half a minute of an emulated processor.
      const args = ["kubectl", "--name", name, "apply", "--validate=false", "-f", "-"];
      return successful(await k3os(args, { input: JSON.stringify(manifest) }), args);
    },
    node: async (command) => successful(await found().ssh(command), [command]),
  };
}

function successful({ status, stdout, stderr }: Ran, args: readonly string[]): string {
  if (status !== 0) throw new Error(`${args.join(" ")} ended with ${status}\n${stdout}${stderr}`);
  return stdout;
}

function runProgram(
  program: string,
  args: readonly string[],
  options: { readonly input: string; readonly env: Readonly<Record<string, string>> },
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...process.env, ...options.env } });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("error", reject);
    child.on("close", (status) => resolve({ status: status ?? 128, stdout, stderr }));
    child.stdin.end(options.input);
  });
}
