import type { Host } from "../../host/host.ts";
import { SLOTS } from "../../image/boot-env.ts";
import { withLock } from "../lock.ts";
import { STATE } from "../places.ts";
import { espDevice, withEsp } from "../slots/esp.ts";
import { pruneSystems } from "../slots/room.ts";
import { readSlots } from "../slots/slots.ts";
import { removeWork, WORK } from "./upgrade.ts";

/**
 * Removes images that no slot needs, and what an interrupted download has left. Returns the names of what it removed.
 */
export function prune(host: Host): Promise<string[]> {
  espDevice(host); // throws if there are no slots
  return withLock(host, "upgrade", async () => {
    const { records } = await withEsp(host, async (esp) => readSlots(host, { esp, state: STATE }));
    const removed = pruneSystems(
      host,
      STATE,
      SLOTS.flatMap((slot) => records[slot]?.system ?? []),
    );
    if (host.stat(WORK) === undefined) return removed;
    await removeWork(host);
    return [...removed, "an unfinished download"];
  });
}
