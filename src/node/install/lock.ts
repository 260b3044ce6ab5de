import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { RUN } from "../places.ts";

/** A dangling link. Its target identifies the holder by process number and start time, because numbers are reused. */
const LOCK = `${RUN}/install.lock`;

/**
 * Does `work` while no other installer of this machine writes. Throws `busy` if one does. Takes over a lock whose
 * holder has ended.
 */
export async function withLock<T>(host: Host, work: () => Promise<T>): Promise<T> {
  const me = identity(host, host.readLink("/proc/self"));
  if (!(await take(host, `${me}`))) {
    const holder = host.stat(LOCK) === undefined ? "" : host.readLink(LOCK);
    const pid = holder.split("@")[0] ?? "";
    if (holder !== "" && identity(host, pid) === holder) {
      throw new K3osError("busy", `another installer is at work (process ${pid})`, { hint: "Wait until it is done." });
    }
    host.remove(LOCK);
    if (!(await take(host, `${me}`))) throw new K3osError("busy", "another installer has just begun");
  }
  try {
    return await work();
  } finally {
    host.remove(LOCK);
  }
}

/** ln(1) fails if the link exists, so checking and taking the lock are one step. */
async function take(host: Host, me: string): Promise<boolean> {
  return (await host.exec(["ln", "-s", me, LOCK])).status === 0;
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
