import { describe, expect, it } from "vitest";
import type { Host } from "../../host/host.ts";
import { rollback } from "../upgrade/rollback.ts";
import { forgetRefused, refuseRevision } from "./given-up.ts";
import { JOURNAL, readJournal } from "./journal.ts";
import { stageImage } from "./stage.ts";
import { FULL, imageOf, installedDisk, PLACES, powerOn } from "./testing.ts";
import { armTrial, commitTrial, noteStaged, noteStop, returnFromTrial, settleTrial } from "./trial.ts";

const { esp, state } = PLACES;
const other = { slot: "b", version: "3.0", digest: "sha256:3" } as const;

/** A node on which 2.0 is armed, and a config was given up. */
async function armedDisk() {
  const host = await installedDisk();
  const image = imageOf(host, "2.0");
  const slot = await stageImage(host, PLACES, image, FULL);
  await armTrial(host, esp, { slot, version: "2.0", digest: image.digest });
  await refuseRevision(host, "sha256:q", "k3s did not start");
  await noteStop(host);
  return host;
}

/** Who writes it, and what boot that is. */
const writers: readonly [name: string, boot: "good" | "trial", write: (host: Host) => Promise<unknown>][] = [
  ["noteStaged", "good", (host) => noteStaged(host, other)],
  ["armTrial", "good", (host) => armTrial(host, esp, other)],
  ["noteStop", "good", noteStop],
  ["forgetRefused", "good", forgetRefused],
  ["refuseRevision", "good", (host) => refuseRevision(host, "sha256:r", "k3s did not start")],
  ["settleTrial", "good", settleTrial],
  ["rollback", "good", (host) => rollback(host)],
  ["commitTrial", "trial", (host) => commitTrial(host)],
  ["returnFromTrial", "trial", (host) => returnFromTrial(host, "k3s did not start")],
];

describe("the journal", () => {
  it.each(writers)("loses nothing that another process writes just before %s", async (_, boot, write) => {
    const host = await armedDisk();
    if (boot === "trial") powerOn(host);
    const lock = "/run/k3os/journal.lock";
    host.mkdir("/proc/200");
    host.write("/proc/200/stat", `200 (qjs) S ${"0 ".repeat(18)}777 0\n`);
    host.symlink("200@777", lock);
    const { sleep } = host;
    host.sleep = async (milliseconds) => {
      await sleep(milliseconds);
      if (host.stat(lock) === undefined) return;
      const journal = JSON.parse(host.readText(`${state}${JOURNAL}`));
      host.write(`${state}${JOURNAL}`, JSON.stringify({ ...journal, kept: ["sha256:9"] }));
      host.remove(lock);
    };
    await write(host);
    expect(readJournal(host, state).kept).toContain("sha256:9");
    expect(host.stat(lock)).toBeUndefined();
  });

  it("loses nothing that another process writes while the network is asked who is there", async () => {
    const host = await armedDisk();
    const { exec } = host;
    let isForgotten = false;
    host.exec = async (argv, options) => {
      if (argv[0] === "ip" && !isForgotten) {
        isForgotten = true;
        await forgetRefused(host);
      }
      return exec(argv, options);
    };
    await armTrial(host, esp, other);
    expect(isForgotten).toBe(true);
    expect(readJournal(host, state).refused).toEqual([]);
  });
});
