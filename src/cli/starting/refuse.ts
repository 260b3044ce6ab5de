/** What `up` refuses before it builds anything. */
import { readFileSync } from "node:fs";
import { K3osError } from "../../errors.ts";
import { ARCHITECTURES, type ArchitectureName } from "../../image/architecture.ts";
import { requireKvm } from "../../vm/accel.ts";
import { refuseRunning } from "../../vm/machine.ts";
import { checkHostMemory } from "../../vm/memory.ts";
import { commandFor } from "../../vm/name.ts";
import { checkPort } from "../../vm/ports.ts";
import { architectureOf, beginsAnew, type How, hasDisk, keptArchitecture } from "./boot.ts";
import { machinesIn, type Plan, type Planned } from "./plan.ts";

interface Wanted extends How {
  /** Of any of the machines. */
  readonly disk?: true | number | undefined;
  readonly servers?: number | undefined;
  readonly agents: number;
  /** The cluster file, which says what has disks. */
  readonly file?: string | undefined;
}

/** Checks before the build, which may take minutes, for errors that would occur after it. */
export async function refuseEarly(options: How, plan: Plan): Promise<void> {
  const { server } = plan;
  if (machinesIn(plan).length === 1 && server.from === undefined) refuseRunning(server.name);
  if (options.sshPort !== undefined && server.running === undefined) await checkPort(options.sshPort, "ssh");
  if (options.apiPort !== undefined && server.running === undefined)
    await checkPort(options.apiPort, "the Kubernetes API");
  refuseDistrust(plan);
  const architecture = architectureOf(plan, options);
  refuseOtherProcessor(architecture, plan);
  refuseBios(architecture, options);
  if (options.accel === "kvm") requireKvm(architecture);
  const missing = machinesIn(plan).filter(({ running }) => running === undefined);
  for (const planned of missing) refuseUnusedDisk(planned, options);
  const memory = missing.map(({ hardware }) => hardware.memoryMiB);
  const less = server.from === undefined ? "--memory" : "`vm: { memory: 1G }` of its nodes";
  checkHostMemory(memory, readFileSync("/proc/meminfo", "utf8"), less);
}

function refuseOtherProcessor(architecture: ArchitectureName, plan: Plan): void {
  const kept = keptArchitecture(plan);
  if (kept === undefined || kept.architecture === architecture) return;
  const message = `The machine "${kept.name}" is ${kept.architecture}, and cannot become ${architecture}.`;
  throw new K3osError("usage", message, { hint: `Begin it anew: ${commandFor("down", kept.name, "--purge")}` });
}

function refuseBios(architecture: ArchitectureName, { firmware }: How): void {
  if (firmware !== "bios" || ARCHITECTURES[architecture].bios !== undefined) return;
  throw new K3osError("usage", `Machines that are ${architecture} have no BIOS.`, { hint: "Leave --firmware away." });
}

/** Refuses combinations of options in which one would have no effect. */
export function refuseContradictions(options: Wanted): void {
  const { iso, disk, firmware, secureBoot, append, dev, servers = 1, agents, wait, file } = options;
  if (agents + servers > 1 && (iso !== undefined || !wait)) {
    const option = iso === undefined ? "--no-wait" : "--iso";
    throw new K3osError("usage", `A cluster does not go with ${option}: others start when the first server is Ready.`, {
      hint: `Leave ${option} away.`,
    });
  }
  const firmwareOption = secureBoot === true ? "--secure-boot" : "--firmware";
  if ((firmware !== undefined || secureBoot === true) && iso === undefined && disk === undefined) {
    throw new K3osError(
      "usage",
      `${firmwareOption} has no effect: without --disk or --iso, QEMU itself starts the kernel.`,
      {
        hint: file === undefined ? "Add --disk or --iso." : "Give a node of the file a disk: `vm: { disk: 8G }`.",
      },
    );
  }
  if (secureBoot === true && firmware === "bios")
    throw new K3osError("usage", "BIOS knows no Secure Boot.", { hint: "Leave --firmware away." });
  if ((append !== undefined || dev === true) && (iso !== undefined || disk !== undefined)) {
    const option = append === undefined ? "--dev" : "--append";
    throw new K3osError("usage", `${option} has no effect: from a disk or ISO, the boot menu starts the kernel.`, {
      hint: `${file === undefined ? "Leave --disk and --iso away" : "Take the disks out of the file"}, or change the kernel's arguments in the boot menu: ./k3os console`,
    });
  }
}

/** What runs from a disk keeps the authority that it trusts over a restart. */
function refuseDistrust(plan: Plan): void {
  const distrusts = machinesIn(plan).find(({ name, running }) => running !== undefined && hasDisk(name));
  if (distrusts === undefined || !beginsAnew(plan)) return;
  const { name } = distrusts;
  const message = `The server "${plan.server.name}" would begin a new cluster, and "${name}" trusts the one before: it has a disk.`;
  throw new K3osError("usage", message, { hint: `Begin it anew, too: ${commandFor("down", name, "--purge")}` });
}

function refuseUnusedDisk({ name, hardware, from }: Planned, { iso }: How): void {
  if (hardware.disk !== undefined || iso !== undefined || !hasDisk(name)) return;
  const add = from === undefined ? "Add --disk" : "Give its node a disk, `vm: { disk: 8G }`,";
  throw new K3osError("usage", `The machine "${name}" has a disk, which it would not boot from.`, {
    hint: `${add} to go on with it, or begin anew: ${commandFor("down", name, "--purge")}`,
  });
}
