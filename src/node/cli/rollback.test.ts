import { describe, expect, it } from "vitest";
import type { MemoryHost } from "../../host/memory.ts";
import { silent } from "../../progress.ts";
import { readSlots } from "../slots/slots.ts";
import { imageOf, installedDisk, PLACES, powerOn } from "../slots/testing.ts";
import { commitTrial, onTrial } from "../slots/trial.ts";
import { catchPrinted } from "../testing.ts";
import { copyDatastore } from "../upgrade/datastore.ts";
import { upgrade } from "../upgrade/upgrade.ts";
import { main } from "./main.ts";

const RESTORE = "/var/lib/rancher/k3os/datastore/restore";

/** A server that keeps 2.0, with a copy of what 1.0 left; the person at its terminal types `answer`. */
async function node({ terminal = true, answer = "" } = {}): Promise<MemoryHost> {
  const host = await installedDisk();
  imageOf(host, "2.0");
  host.mkdir("/var/lib/rancher/k3s/server/db");
  host.write("/var/lib/rancher/k3s/server/db/state.db", "old");
  host.write("/run/k3os/mode", "local\n");
  host.mkdir("/proc/sys/kernel");
  host.write("/proc/sys/kernel/hostname", "a\n");
  const { system = "" } = readSlots(host, PLACES).records.a ?? {};
  host.symlink(system.split("/").at(-1) ?? "", `${PLACES.state}/k3os/system/current`);
  const options = { version: undefined, stageOnly: false, reboot: true, allowDowngrade: false, retry: false };
  await upgrade(host, { k3os: { upgrade: { unsigned: true } } }, { ...options, place: "/image/2.0-a" }, silent);
  powerOn(host);
  await copyDatastore(host, onTrial(host)?.digest ?? "");
  await commitTrial(host);
  const { exec } = host;
  host.exec = async (argv, more) => {
    const said = (stdout = "", status = 0) => ({ status, stdout, stderr: "" });
    if (argv[0] === "test") return said("", terminal ? 0 : 1);
    if (argv[0] === "head") return said(`${answer}\n`);
    return argv[0] === "openrc-shutdown" ? said() : exec(argv, more);
  };
  return host;
}

describe("k3os rollback --restore-datastore", () => {
  const printed = catchPrinted();

  it("says what will be lost, and asks", async () => {
    const host = await node({ answer: "restore" });
    expect(await main(host, ["rollback", "--restore-datastore"])).toBe(0);
    const said = host.warned.join("");
    expect(said).toContain("as 1.0 left it at 2026-11-29 00:00 UTC (3 B)");
    expect(said).toContain("Everything that was written to the cluster since then is lost");
    expect(host.stat(RESTORE)).toBeDefined();
    expect(printed.join("\n")).toContain(
      "1.0 in slot a is kept from now on, with the datastore of 2026-11-29 00:00 UTC",
    );
    expect(powerOn(host)).toMatchObject({ content: "1.0-a" });
  });

  it("changes nothing after another answer, or where nobody can be asked", async () => {
    const host = await node({ answer: "yes" });
    expect(await main(host, ["rollback", "--restore-datastore"])).toBe(1);
    const alone = await node({ terminal: false });
    expect(await main(alone, ["rollback", "--restore-datastore"])).toBe(2);
    expect(alone.warned.join("")).toContain("k3os rollback --restore-datastore --yes");
    for (const unchanged of [host, alone]) {
      expect(unchanged.stat(RESTORE)).toBeUndefined();
      expect(powerOn(unchanged)).toMatchObject({ content: "2.0-a" });
    }
  });

  it("does not ask with --yes, which is for nothing else", async () => {
    const host = await node({ terminal: false });
    expect(await main(host, ["rollback", "--yes"])).toBe(2);
    expect(await main(host, ["rollback", "--restore-datastore", "--yes", "--json"])).toBe(0);
    expect(JSON.parse(printed.join(""))).toMatchObject({
      version: "1.0",
      restores: expect.stringMatching(/^2026-11-29T00:00:0/),
    });
  });
});
