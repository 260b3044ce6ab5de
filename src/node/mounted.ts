import type { Host } from "../host/host.ts";
import { run } from "../host/run.ts";
import { type Mount, mount } from "./initrd/mount.ts";

/** Does `work` while something is mounted. The unmount at the end writes everything to the device. */
export async function mounted<T>(host: Host, what: Mount, work: () => Promise<T>): Promise<T> {
  await mount(host, what);
  let result: T;
  try {
    result = await work();
  } catch (error) {
    await host.exec(["umount", what.target]);
    throw error;
  }
  await run(host, ["umount", what.target]);
  return result;
}
