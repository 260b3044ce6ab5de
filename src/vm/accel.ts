import { accessSync, constants, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { hostArchitecture } from "../build/host-architecture.ts";
import type { Tools } from "../build/tools.ts";
import { cacheDirectory } from "../build/xdg.ts";
import { K3osError } from "../errors.ts";
import { nodeHost } from "../host/node.ts";
import { ARCHITECTURES, type ArchitectureName } from "../image/architecture.ts";
import { outputOf } from "../process/run.ts";
import type { Progress } from "../progress.ts";
import { bootId } from "./process.ts";
import type { Accel } from "./qemu.ts";

export interface AccelChoice {
  readonly accel: Accel;
  /** Why hardware virtualisation is not used, for the user. */
  readonly note?: string;
}

export interface AccelOptions {
  /** The machine's processor. */
  readonly architecture: ArchitectureName;
  readonly tools: Tools;
  /** Any kernel. It is booted without a root: its panic proves that it ran. */
  readonly kernel: string;
  readonly progress?: Progress;
  readonly device?: string;
  readonly cacheFile?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Hardware virtualisation if it works. `/dev/kvm` may exist and yet hang an ordinary kernel (nested virtualisation), so
 * a kernel is booted once; the answer holds until this host boots again.
 */
export async function chooseAccel(options: AccelOptions): Promise<AccelChoice> {
  const foreign = whyForeign(options.architecture);
  if (foreign !== undefined) return { accel: "tcg", note: foreign };
  const device = options.device ?? "/dev/kvm";
  const cacheFile = options.cacheFile ?? join(cacheDirectory(process.env), "accel.json");
  if (!usable(device)) return { accel: "tcg", note: `no access to ${device}` };
  const known = remembered(cacheFile);
  if (known !== undefined) return known;
  const step = options.progress?.step("Find out whether hardware virtualisation works");
  const works = await probe(options);
  step?.done(works ? "yes" : "no, machines are emulated");
  const choice: AccelChoice = works
    ? { accel: "kvm" }
    : { accel: "tcg", note: `${device} does not boot a kernel here` };
  remember(cacheFile, choice);
  return choice;
}

/** For a user who asks for hardware virtualisation. It is not tested; only a missing permission is an error. */
export function requireKvm(architecture: ArchitectureName, device = "/dev/kvm"): AccelChoice {
  const foreign = whyForeign(architecture);
  if (foreign !== undefined)
    throw new K3osError("host", `Hardware virtualisation was asked for, but ${foreign}.`, {
      hint: "Leave --accel away: the machine is emulated.",
    });
  if (usable(device)) return { accel: "kvm" };
  throw new K3osError("host", `Hardware virtualisation was asked for, but ${device} cannot be used.`, {
    hint: `Leave --accel away, or give yourself access: "sudo usermod -aG kvm $USER", and log in again.`,
  });
}

/** Why hardware virtualisation cannot be: it takes a machine of the same processor. */
function whyForeign(architecture: ArchitectureName): string | undefined {
  const host = hostArchitecture();
  return architecture === host ? undefined : `the machine is ${architecture} and this host is ${host}`;
}

function usable(device: string): boolean {
  try {
    accessSync(device, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function remembered(file: string): AccelChoice | undefined {
  try {
    const { boot, ...choice } = JSON.parse(readFileSync(file, "utf8")) as AccelChoice & { boot: string };
    return boot === bootId() ? choice : undefined;
  } catch {
    return undefined;
  }
}

function remember(file: string, choice: AccelChoice): void {
  mkdirSync(dirname(file), { recursive: true });
  nodeHost.write(file, JSON.stringify({ boot: bootId(), ...choice }));
}

/** Boots a kernel without a root under KVM. KVM works if the kernel comes as far as the panic about it. */
async function probe(options: AccelOptions): Promise<boolean> {
  const { architecture, tools, kernel, timeoutMs = 4000, signal } = options;
  const { qemu: virtual, serialConsole } = ARCHITECTURES[architecture];
  const isPanic = (console: string) => console.includes("Kernel panic");
  const qemu = tools.command([
    ...[virtual.program, "-machine", virtual.machine, "-accel", "kvm", "-cpu", "host", "-smp", "2", "-m", "256"],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio"],
    ...["-kernel", kernel, "-append", `console=${serialConsole} quiet panic=-1`],
  ]);
  return isPanic((await outputOf(qemu, { timeoutMs, signal, until: isPanic })).stdout);
}
