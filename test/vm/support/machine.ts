import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, type RunnerTask } from "vitest";
import { type Output, outputOf } from "../../../src/process/run.ts";
import { findMachine, type Machine } from "../../../src/vm/machine.ts";
import { waitReady } from "../../../src/vm/ready.ts";
import { type ImageStartOptions, startOf } from "../../../src/vm/throw-away.ts";
import { guardBoot } from "../../../src/vm/userland.ts";
import { poll } from "../../../src/vm/wait.ts";
import { eventually } from "./eventually.ts";
import { builtImage } from "./image.ts";

const launcher = join(import.meta.dirname, "../../../k3os");

/**
 * Whether `./k3os test --keep` wants the machines of a failed test to run on. It tells how to reach them, and what to
 * remove.
 */
export const keepsFailed = process.env.K3OS_TEST_KEEP === "1";

/** Where a node's own layers of the config are. */
const layers = "/var/lib/rancher/k3os/config.d";

/**
 * How a machine is started that `./k3os up` would not start so. It boots the image by itself if `boot` is not given.
 */
export type Start = Pick<ImageStartOptions, "boot" | "config" | "cpus" | "disks" | "nics" | "clock" | "watchdog">;

/** One machine, which is switched on again and again, and the commands of a user who works with it. */
export interface TestMachine {
  readonly name: string;
  /** For files of this test; removed with the machine. */
  readonly directory: string;
  /** The machine as it was last started: its console, its files. */
  readonly machine: Machine;
  /** Switches it on. It has one processor: two machines that nobody waits for share a host well. */
  start(options?: Start): Promise<Machine>;
  /** Switches it on with two processors, and waits until its node is Ready. */
  startReady(options?: Start): Promise<Machine>;
  /** Runs `./k3os up` with these options, which must succeed. `config` is the text of config.yaml. */
  up(options?: readonly string[], config?: string): Promise<Machine>;
  /** Waits until the machine has powered itself off. */
  poweredOff(timeoutMs: number): Promise<void>;
  /** Cuts its power. */
  cut(): Promise<void>;
  /** Presses its reset button. */
  reset(): Promise<void>;
  /** Runs `./k3os ARGS`, in the state directory of this machine. */
  k3os(args: readonly string[], options?: { readonly input?: string }): Promise<Output>;
  /** Runs kubectl against the machine and returns what it printed; throws if it fails. */
  kubectl(...args: string[]): Promise<string>;
  /** Creates or changes what the manifest says. */
  apply(manifest: object): Promise<string>;
  /** Runs a line of shell on the node and returns what it printed; throws if it fails. */
  node(command: string): Promise<string>;
  /** Writes a layer of the node's config, such as `10-name.yaml`, without applying it. */
  writeLayer(file: string, text: string): Promise<void>;
  removeLayer(file: string): Promise<void>;
  /** Tells one boot from another. */
  bootId(): Promise<string>;
  /** Waits until another boot than that answers. It may have new host keys. */
  bootAfter(bootId: string, seconds?: number): Promise<void>;
  /** Waits until the machine can be logged in to. */
  reachable(seconds?: number): Promise<void>;
}

/**
 * Registers a machine for this file. It is gone after its tests; its console is printed when one of them, or a start,
 * failed.
 */
export function useMachine(name: string): TestMachine {
  const directory = mkdtempSync(join(tmpdir(), "k3os-test-"));
  const home = join(directory, "k3os/machines");
  let current: Machine | undefined;
  let guard = new AbortController();

  const found = () => {
    current ??= findMachine(name, home);
    if (current === undefined) throw new Error(`the machine ${name} was never started`);
    return current;
  };
  const k3os: TestMachine["k3os"] = (args, { input = "" } = {}) =>
    outputOf({ argv: [launcher, ...args], env: { XDG_STATE_HOME: directory } }, { input });
  const start = async (options: Start, cpus: number) => {
    guard.abort();
    guard = new AbortController();
    current = await startOf(await builtImage(), { name, home, cpus, ...options });
    return current;
  };
  const node = async (command: string) => successful(await found().ssh(command), [command]);
  const bootId = () => node("cat /proc/sys/kernel/random/boot_id");
  const asRoot = async (command: string, input = "") =>
    successful(await found().ssh(`sudo sh -euc '${command}'`, { input }), [command]);

  afterAll(async (file) => {
    guard.abort();
    const machine = findMachine(name, home);
    if (hasFailed(file)) {
      console.log(`--- console of ${name}\n${machine?.serial.text() ?? "(never started)"}\n--- end of the console`);
      if (keepsFailed) return;
    }
    await machine?.stop({ graceMs: 0 });
    rmSync(directory, { recursive: true, force: true });
  });

  return {
    name,
    directory,
    get machine() {
      return found();
    },
    async start(options = {}) {
      const machine = await start(options, 1);
      // Beside the test. After a second hang, the test fails by what it waits for.
      guardBoot(machine, { signal: guard.signal }).catch((error: unknown) => console.log(error));
      return machine;
    },
    async startReady(options = {}) {
      const machine = await start(options, 2);
      await waitReady(machine, { timeoutMs: 400_000 });
      return machine;
    },
    async up(options = [], config) {
      const file = join(directory, "config.yaml");
      if (config !== undefined) writeFileSync(file, config);
      const args = ["up", "--name", name, "--memory", "1G", ...(config === undefined ? [] : ["--config", file])];
      successful(await k3os([...args, ...options]), ["./k3os", ...args, ...options]);
      current = undefined;
      return found();
    },
    async poweredOff(timeoutMs) {
      const machine = found();
      const isOff = () => (machine.state === "running" ? undefined : true);
      if ((await poll(isOff, { timeoutMs, everyMs: 200 })) !== true) throw new Error(`${name} did not power off`);
    },
    cut: async () => {
      await found().stop({ graceMs: 0 });
    },
    async reset() {
      const qmp = await found().qmp();
      await qmp.execute("system_reset");
      qmp.close();
    },
    k3os,
    kubectl: async (...args) => successful(await k3os(["kubectl", "--name", name, ...args]), args),
    apply: async (manifest) => {
      // Without validation: kubectl would ask for the whole OpenAPI document, half a minute of an emulated processor.
      const args = ["kubectl", "--name", name, "apply", "--validate=false", "-f", "-"];
      return successful(await k3os(args, { input: JSON.stringify(manifest) }), args);
    },
    node,
    async writeLayer(file, text) {
      await asRoot(`mkdir -p ${layers}; cat >${layers}/${file}`, text);
    },
    async removeLayer(file) {
      await asRoot(`rm ${layers}/${file}`);
    },
    bootId,
    bootAfter: (before, seconds = 200) =>
      eventually(async () => {
        rmSync(found().paths.knownHosts, { force: true });
        if ((await bootId()) === before) throw new Error(`${name} still runs the boot ${before}`);
      }, seconds),
    reachable: async (seconds = 200) => {
      await eventually(bootId, seconds);
    },
  };
}

/** Whether a test or a hook failed. A failed `beforeAll` marks only its suite. */
function hasFailed(task: RunnerTask): boolean {
  return task.result?.state === "fail" || ("tasks" in task && task.tasks.some(hasFailed));
}

function successful({ status, stdout, stderr }: Output, args: readonly string[]): string {
  if (status !== 0) throw new Error(`${args.join(" ")} ended with ${status}\n${stdout}${stderr}`);
  return stdout;
}
