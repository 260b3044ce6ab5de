import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";

/** The values that blkid(8) has of each device, by its path and their name. */
export type Blkid = ReadonlyMap<string, Readonly<Record<string, string>>>;

/**
 * What is on these devices, which blkid(8) reads itself. With `--probe` it would tell more, and stop at the first
 * device with nothing on it.
 */
export async function readBlkid(host: Host, paths: readonly string[], timeoutMs?: number): Promise<Blkid> {
  if (paths.length === 0) return new Map();
  const argv = ["blkid", "-c", "/dev/null", "-o", "export", ...paths];
  const { status, stdout, stderr } = await host.exec(argv, timeoutMs === undefined ? {} : { timeoutMs });
  // 2: blkid found nothing on any of them.
  if (status !== 0 && status !== 2) {
    throw new K3osError(
      "host",
      `the content of the disks cannot be read: ${stderr.trim() || `blkid ended with status ${status}`}`,
    );
  }
  return parseExport(stdout);
}

/** Parses blocks of `NAME=value` lines. DEVNAME starts a block; special characters are escaped with a backslash. */
function parseExport(text: string): Blkid {
  const devices = new Map<string, Record<string, string>>();
  let current: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const equals = line.indexOf("=");
    if (equals < 0) continue;
    const name = line.slice(0, equals);
    const value = line.slice(equals + 1).replace(/\\(.)/g, "$1");
    if (name === "DEVNAME") {
      current = {};
      devices.set(value, current);
    }
    current[name] = value;
  }
  return devices;
}
