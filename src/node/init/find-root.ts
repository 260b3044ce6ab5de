import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { type BootArguments, DEFAULT_ROOT, EMBEDDED_ROOT, type RootSource } from "./boot-arguments.ts";
import { coldplug } from "./coldplug.ts";

/** Virtual media and USB sticks appear late: old k3OS waited too short (rancher/k3os#60). */
const PATIENCE_MS = 60_000;

export interface FoundRoot {
  /** A block device with the squashfs, or with the volume that holds it; none for a root inside the initrd. */
  readonly device: string | undefined;
  readonly source: RootSource;
}

/** Waits for the device of the root, loading drivers for what appears meanwhile. */
export async function findRoot(host: Host, { root }: BootArguments): Promise<FoundRoot> {
  const source = root ?? (host.stat(EMBEDDED_ROOT) ? { kind: "initrd" as const, path: EMBEDDED_ROOT } : DEFAULT_ROOT);
  if (source.kind === "initrd") return { device: undefined, source };

  let known: ReadonlySet<string> = new Set();
  const deadline = host.monotonic() + PATIENCE_MS;
  for (let waited = false; host.monotonic() < deadline; waited = true) {
    known = await coldplug(host, known);
    const device = source.kind === "serial" ? bySerial(host, source.serial) : await byLabel(host, source.label);
    if (device !== undefined) return { device, source };
    if (!waited) host.poke("/dev/kmsg", `k3os: waiting for the volume ${name(source)}\n`);
    await host.sleep(100);
  }
  throw new K3osError("machine", `no volume ${name(source)} appeared within ${PATIENCE_MS / 1000} seconds`, {
    hint: `Found: ${disks(host).join(", ") || "no disk at all"}. Is the medium still attached, and its driver in the image?`,
  });
}

function name(source: RootSource): string {
  return source.kind === "serial"
    ? `with serial ${source.serial}`
    : `labelled ${source.kind === "label" ? source.label : ""}`;
}

function disks(host: Host): string[] {
  return host.list("/sys/block").filter((device) => !/^(loop|ram|zram)/.test(device));
}

function bySerial(host: Host, serial: string): string | undefined {
  const device = disks(host).find((disk) => {
    const path = `/sys/block/${disk}/serial`;
    return host.stat(path) !== undefined && host.readText(path).trim() === serial;
  });
  return device === undefined ? undefined : `/dev/${device}`;
}

async function byLabel(host: Host, label: string): Promise<string | undefined> {
  const { status, stdout } = await host.exec(["findfs", `LABEL=${label}`]);
  return status === 0 ? stdout.trim() : undefined;
}
