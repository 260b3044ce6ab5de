import { K3osError } from "../../errors.ts";
import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { STATE_LABEL } from "../../image/disk.ts";
import { reasonOf } from "../failure.ts";
import { logToKernel } from "../kernel-log.ts";
import type { BootArguments, Mode, RootSource } from "./boot-arguments.ts";
import { coldplug, FAST_BUSES } from "./coldplug.ts";

/** Virtual media and USB sticks appear late. Old k3OS did not wait long enough (rancher/k3os#60). */
const PATIENCE_MS = 60_000;
/** How long to search for a state partition on a machine that may not be installed yet, as in old k3OS. */
const FALLBACK_MS = 30_000;

const CURRENT_ROOT = "/k3os/system/current/root.squashfs";

/** The volumes that a boot uses. */
export interface Volumes {
  readonly mode: Mode;
  readonly root: RootSource;
  /** A block device that is the squashfs, or the volume with it; none for a root from a server. */
  readonly device: string | undefined;
  /** The device of the state partition; none if written files are kept in memory. It may also be the root's device. */
  readonly state: string | undefined;
}

/** Waits for the volumes of this boot. Loads drivers for devices that appear meanwhile. */
export async function findVolumes(host: Host, boot: BootArguments): Promise<Volumes> {
  const search = new Search(host);
  const given = boot.root;
  const onState = given !== undefined && isState(given);
  const stateVolume = onState ? given : ({ kind: "label", label: STATE_LABEL, path: CURRENT_ROOT } as const);

  let state: string | undefined;
  if (boot.mode === "local" || (boot.mode === undefined && onState)) state = await search.find(stateVolume);
  else if (boot.mode === undefined && boot.fallbackMode !== undefined)
    state = await search.look(stateVolume, FALLBACK_MS);

  const otherwise = { kind: "label", label: "K3OS", path: CURRENT_ROOT } as const;
  const root = given ?? (state === undefined ? otherwise : stateVolume);
  const mode = state === undefined ? (boot.mode ?? boot.fallbackMode ?? "live") : "local";
  if (root.kind === "url") return { mode, root, device: undefined, state };
  const device = state !== undefined && isState(root) ? state : await search.find(root);
  return { mode, root, device, state };
}

/** Whether the root is on the state partition. Only the menu of an installed disk identifies its volume by UUID. */
function isState(source: RootSource): boolean {
  return source.kind === "uuid" || (source.kind === "label" && source.label === STATE_LABEL);
}

/** Searches for volumes while drivers are loaded. Devices on slow buses appear some time after their driver. */
class Search {
  readonly #host: Host;
  #known: ReadonlySet<string> | undefined;
  /** The last failure of a look, which another look may not have. */
  #failed: string | undefined;

  constructor(host: Host) {
    this.#host = host;
  }

  /** Returns the device. If it does not appear, throws an error that lists the existing volumes. */
  async find(source: RootSource): Promise<string> {
    const device = await this.look(source, PATIENCE_MS);
    if (device !== undefined) return device;
    const found = disks(this.#host).join(", ") || "no disk at all";
    const failed = this.#failed === undefined ? "" : ` The search failed, too: ${this.#failed}.`;
    throw new K3osError("machine", `no volume ${name(source)} appeared within ${PATIENCE_MS / 1000} seconds`, {
      hint: `Found: ${found}.${failed} Is the medium still attached, and its driver in the image?`,
    });
  }

  async look(source: RootSource, patienceMs: number): Promise<string | undefined> {
    const host = this.#host;
    const deadline = host.monotonic() + patienceMs;
    for (let tries = 0; host.monotonic() < deadline; tries++) {
      if (tries === 2) logToKernel(host, `waiting for the volume ${name(source)}`);
      if (tries > 1) await host.sleep(100);
      try {
        const known = this.#known;
        if (known === undefined) this.#known = await coldplug(host, { buses: FAST_BUSES, storageOnly: true });
        else if (tries > 0) this.#known = await coldplug(host, { known });
        const device = await lookOnce(host, source);
        if (device !== undefined) return device;
      } catch (error) {
        // A device may appear or disappear during the search. The next try sees the new state.
        this.#failed = reasonOf(error);
      }
    }
    return undefined;
  }
}

function name(source: RootSource): string {
  if (source.kind === "label") return `labelled ${source.label}`;
  if (source.kind === "uuid") return `with UUID ${source.uuid}`;
  return source.kind === "serial" ? `with serial ${source.serial}` : source.url;
}

async function lookOnce(host: Host, source: RootSource): Promise<string | undefined> {
  if (source.kind === "serial") return bySerial(host, source.serial);
  const tag = source.kind === "label" ? `LABEL=${source.label}` : source.kind === "uuid" ? `UUID=${source.uuid}` : "";
  const { status, stdout } = await host.exec(["findfs", tag]);
  return status === 0 ? stdout.trim() : undefined;
}

function disks(host: Host): string[] {
  return host.list("/sys/block").filter((device) => !/^(loop|ram|zram)/.test(device));
}

function bySerial(host: Host, serial: string): string | undefined {
  const device = disks(host).find((disk) => readTextIf(host, `/sys/block/${disk}/serial`)?.trim() === serial);
  return device === undefined ? undefined : `/dev/${device}`;
}
