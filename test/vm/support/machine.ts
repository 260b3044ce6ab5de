import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, type RunnerTask } from "vitest";
import { type Output, type OutputOptions, outputOf } from "../../../src/process/run.ts";
import { findMachine, type Machine } from "../../../src/vm/machine.ts";
import { fetchKubeconfig, waitReady } from "../../../src/vm/ready.ts";
import { sshRun } from "../../../src/vm/ssh.ts";
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
  /** Runs a line of shell on the node that does not restart it. A failing command is no error. */
  ssh(command: string, options?: OutputOptions): Promise<Output>;
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
  /** Counts what ends connections to the machine. */
  let boots = 0;

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
    boots++;
    current = await startOf(await builtImage(), { name, home, cpus, ...options });
    return current;
  };
  // By one connection: a login of its own would take an emulated processor one or two seconds.
  const ssh: TestMachine["ssh"] = (command, options = {}) =>
    sshRun({ ...found().sshTarget, control: join(directory, `ssh-${boots}`) }, command, options);
  // Without a process of `./k3os` for each, unless the machine's processor is another one and kubectl has to be made.
  const kubectl = async (args: readonly string[], input = "") => {
    const machine = found();
    if (machine.record.k3s === undefined) return k3os(["kubectl", "--name", name, ...args], { input });
    return kubectlOn(machine, args, { input });
  };
  const node = async (command: string) => successful(await ssh(command), [command]);
  const showBootId = "cat /proc/sys/kernel/random/boot_id";
  const bootId = () => node(showBootId);
  const asRoot = async (command: string, input = "") =>
    successful(await ssh(`sudo sh -euc '${command}'`, { input }), [command]);

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
      boots++;
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
      boots++;
      const qmp = await found().qmp();
      await qmp.execute("system_reset");
      qmp.close();
    },
    k3os,
    kubectl: async (...args) => successful(await kubectl(args), args),
    apply: async (manifest) => {
      // Without validation: kubectl would ask for the whole OpenAPI document, half a minute of an emulated processor.
      const args = ["apply", "--validate=false", "-f", "-"];
      return successful(await kubectl(args, JSON.stringify(manifest)), args);
    },
    ssh,
    node,
    async writeLayer(file, text) {
      await asRoot(`mkdir -p ${layers}; cat >${layers}/${file}`, text);
    },
    async removeLayer(file) {
      await asRoot(`rm ${layers}/${file}`);
    },
    bootId,
    bootAfter: (before, seconds = 400) =>
      eventually(async () => {
        rmSync(found().paths.knownHosts, { force: true });
        const now = successful(await found().ssh(showBootId), [showBootId]);
        if (now === before) throw new Error(`${name} still runs the boot ${before}`);
        boots++;
      }, seconds),
    reachable: async (seconds = 400) => {
      await eventually(bootId, seconds);
    },
  };
}

/** Runs kubectl against the API of that machine. */
export async function kubectlOn(
  machine: Machine,
  args: readonly string[],
  options: OutputOptions = {},
): Promise<Output> {
  await fetchKubeconfig(machine);
  return machine.kubectl(args, options);
}

/** Whether a test or a hook failed. A failed `beforeAll` marks only its suite. */
function hasFailed(task: RunnerTask): boolean {
  return task.result?.state === "fail" || ("tasks" in task && task.tasks.some(hasFailed));
}

function successful({ status, stdout, stderr }: Output, args: readonly string[]): string {
  if (status !== 0) throw new Error(`${args.join(" ")} ended with ${status}\n${stdout}${stderr}`);
  return stdout;
}
