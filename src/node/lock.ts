import { K3osError } from "../errors.ts";
import { type Host, HostError } from "../host/host.ts";
import { type Progress, type ProgressStep, silent } from "../progress.ts";
import { RUN } from "./places.ts";

/** What only one process of this machine may do at a time. `journal`: to change the journal of the slots. */
export type Lock = "installer" | "upgrade" | "journal";

/** What messages call the process that holds it. */
const HOLDER: { readonly [L in Lock]: string } = {
  installer: "installer",
  upgrade: "upgrade",
  journal: "writer of the journal of deployments",
};

/** Another process holds the lock, and will be done some time. */
export class LockHeld extends K3osError {}

/**
 * How long one waits for the holder. An upgrade takes minutes, but `upgrade` is also held for seconds: by who keeps a
 * trial, and by who renews the boot loader after it. Nobody should be refused because of those. `journal` is held
 * while a small file is written, which a disk with much to do may take seconds for.
 */
const PATIENCE_MS: { readonly [L in Lock]: number } = { installer: 0, upgrade: 30_000, journal: 30_000 };
const LOOK_EVERY_MS = 1000;

/** A dangling link. Its target identifies the holder by process number and start time, because numbers are reused. */
const pathOf = (lock: Lock) => `${RUN}/${lock}.lock`;

/**
 * Does `work` while it holds the lock. Throws `LockHeld` if another process holds it, and does not let it go within the
 * lock's patience; at once if `patient` is false. A process that has ended holds nothing. To wait is a step of
 * `progress`.
 */
export async function withLock<T>(
  host: Host,
  lock: Lock,
  work: () => Promise<T>,
  { progress = silent, patient = true }: { readonly progress?: Progress; readonly patient?: boolean } = {},
): Promise<T> {
  const path = pathOf(lock);
  const me = `${identity(host, host.readLink("/proc/self"))}`;
  if (patient) await acquirePatiently(host, lock, me, progress);
  else await acquire(host, lock, path, me);
  try {
    return await work();
  } finally {
    host.remove(path);
  }
}

async function acquirePatiently(host: Host, lock: Lock, me: string, progress: Progress): Promise<void> {
  const end = host.monotonic() + PATIENCE_MS[lock];
  let waiting: ProgressStep | undefined;
  for (;;) {
    try {
      await acquire(host, lock, pathOf(lock), me);
      return waiting?.done();
    } catch (error) {
      if (!(error instanceof LockHeld) || host.monotonic() >= end) {
        waiting?.fail();
        throw error;
      }
      waiting ??= progress.step(`Wait, because ${error.message}`);
      await host.sleep(LOOK_EVERY_MS);
    }
  }
}

/**
 * Two processes may find the lock of one that has ended at the same moment. So only who holds a second lock, the right
 * to follow that one, removes its lock. The second lock is itself one that its holder may leave.
 */
async function acquire(host: Host, lock: Lock, path: string, me: string): Promise<void> {
  if (await take(host, path, me)) return;
  const holder = holderOf(host, path);
  const pid = holder.split("@")[0] ?? "";
  if (holder !== "" && identity(host, pid) === holder) {
    throw new LockHeld("busy", `another ${HOLDER[lock]} is at work (process ${pid})`, {
      hint: "Wait until it is done.",
    });
  }
  const right = `${path}.after-${holder}`;
  await acquire(host, lock, right, me);
  try {
    if (holder !== "" && holderOf(host, path) === holder) host.remove(path);
    if (!(await take(host, path, me))) throw new LockHeld("busy", `another ${HOLDER[lock]} has just begun`);
  } finally {
    host.remove(right);
  }
}

/** Who holds the lock; empty if nobody does. */
function holderOf(host: Host, path: string): string {
  try {
    return host.readLink(path);
  } catch (error) {
    if (error instanceof HostError && error.code === "ENOENT") return "";
    throw error;
  }
}

/** ln(1) fails if the link exists, so checking and taking the lock are one step. */
async function take(host: Host, path: string, me: string): Promise<boolean> {
  return (await host.exec(["ln", "-s", me, path])).status === 0;
}

/** `pid@start time`; `undefined` if there is no such process (proc_pid_stat(5), field 22). */
function identity(host: Host, pid: string): string | undefined {
  const path = `/proc/${pid}/stat`;
  if (!/^\d+$/.test(pid) || host.stat(path) === undefined) return undefined;
  const afterName = host
    .readText(path)
    .replace(/^.*\) /s, "")
    .split(" ");
  return `${pid}@${afterName[19]}`;
}
