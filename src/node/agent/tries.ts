import { parentOf, readJsonIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { bootId } from "../boot-id.ts";
import { NODE_DATA } from "../places.ts";

/**
 * The cluster's layer that was last applied, or that k3s was restarted with, and the boots in which that was begun. It
 * is on the disk, because such a layer may be what ends the boot: a module that makes the kernel panic.
 */
interface Tries {
  readonly revision: string;
  /** Their boot_id; see random(4). */
  readonly boots: readonly string[];
}

const TRIES = `${NODE_DATA}/config-tries.json`;
/** The first boot that ends during a try may have ended by a power cut. */
const MOST_ENDED = 2;

/**
 * Does the `work` that applies a layer, noted on the disk before it begins. What throws has not made the machine go
 * down, and is forgotten. Otherwise the note stays until `forgetTries`.
 */
export async function noted<T>(host: Host, revision: string, work: () => Promise<T>): Promise<T> {
  await noteTry(host, revision);
  try {
    return await work();
  } catch (error) {
    forgetTries(host);
    throw error;
  }
}

async function noteTry(host: Host, revision: string): Promise<void> {
  const boots = [...endedTries(host, revision), bootId(host)];
  host.mkdir(parentOf(TRIES));
  host.write(TRIES, `${JSON.stringify({ revision, boots } satisfies Tries)}\n`, { mode: 0o600 });
  await run(host, ["sync", "-f", parentOf(TRIES)]);
}

/** Notes that a try is decided, or that what was given up may be tried again. */
export function forgetTries(host: Host): void {
  host.remove(TRIES);
}

/** Why a layer is not tried again on this node: too many boots have ended while it was tried. */
export function refusalByTries(host: Host, revision: string): string | undefined {
  const ended = endedTries(host, revision).length;
  if (ended < MOST_ENDED) return undefined;
  return `the machine went down ${ended} times while it was applied`;
}

/** The boots before this one in which this layer was tried. A missing or damaged note has none. */
function endedTries(host: Host, revision: string): readonly string[] {
  const tries = readJsonIf(host, TRIES) as Tries | undefined;
  const own = bootId(host);
  return tries?.revision === revision ? tries.boots.filter((boot) => boot !== own) : [];
}
