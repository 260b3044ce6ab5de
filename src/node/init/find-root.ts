import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { type BootArguments, DEFAULT_ROOT, EMBEDDED_ROOT, type RootSource } from "./boot-arguments.ts";
import { coldplug, FAST_BUSES } from "./coldplug.ts";

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

  const look = () => (source.kind === "serial" ? bySerial(host, source.serial) : byLabel(host, source.label));
  let known = await coldplug(host, { buses: FAST_BUSES });
  const deadline = host.monotonic() + PATIENCE_MS;
  for (let tries = 0; host.monotonic() < deadline; tries++) {
    const device = await look();
    if (device !== undefined) return { device, source };
    if (tries === 1) host.poke("/dev/kmsg", `k3os: waiting for the volume ${name(source)}\n`);
    if (tries > 0) await host.sleep(100);
    known = await coldplug(host, { known });
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
