import { describe, expect, it } from "vitest";
import type { Host } from "../../host/host.ts";
import type { MemoryHost } from "../../host/memory.ts";
import { silent } from "../../progress.ts";
import { readSlots } from "../slots/slots.ts";
import { imageOf, installedDisk, PLACES, powerOn, withEveryCut } from "../slots/testing.ts";
import { commitTrial, onTrial, returnFromTrial } from "../slots/trial.ts";
import {
  copyDatastore,
  datastoreCopies,
  isRestoring,
  type K3s,
  restoreDatastore,
  whyNotRestorable,
} from "./datastore.ts";
import { restorable, rollback } from "./rollback.ts";
import { upgrade } from "./upgrade.ts";

const db = "/var/lib/rancher/k3s/server/db";
const copies = "/var/lib/rancher/k3os/datastore";
const config = { k3os: { upgrade: { unsigned: true } } };
const options = { version: undefined, stageOnly: false, reboot: true, allowDowngrade: false, retry: true };
const server: K3s = { phase: "boot", kind: "k3s", role: "server", args: [], environment: {} };

/** What the datastore has: both of its files. */
const content = (host: Host) =>
  ["state.db", "state.db-wal"].map((file) => (host.stat(`${db}/${file}`) ? host.readText(`${db}/${file}`) : "none"));

const fill = (host: Host, text: string) => {
  for (const file of ["state.db", "state.db-wal", "state.db-shm"]) host.write(`${db}/${file}`, `${text} ${file}`);
};
const OLD = ["old state.db", "old state.db-wal"];
const NEW = ["new state.db", "new state.db-wal"];

/** A server that runs 1.0 and is about to boot a trial of 2.0. */
async function armed(): Promise<MemoryHost> {
  const host = await installedDisk();
  imageOf(host, "2.0");
  host.mkdir(db);
  fill(host, "old");
  const { system = "" } = readSlots(host, PLACES).records.a ?? {};
  host.symlink(system.split("/").at(-1) ?? "", `${PLACES.state}/k3os/system/current`);
  await upgrade(host, config, { ...options, place: "/image/2.0-a" }, silent);
  return host;
}

const copy = (host: Host) => copyDatastore(host, onTrial(host)?.digest ?? "");

/** The same server on trial, with the copy that was made before, and something written since. */
async function tried(): Promise<MemoryHost> {
  const host = await armed();
  powerOn(host);
  await copy(host);
  fill(host, "new");
  return host;
}

async function kept(): Promise<MemoryHost> {
  const host = await tried();
  await commitTrial(host);
  return host;
}

describe("the copy of a datastore", () => {
  it("is made once for a trial, and belongs to the image that wrote it", async () => {
    const host = await tried();
    const [{ name = "", before = "" } = {}] = datastoreCopies(host);
    expect(name).toMatch(/^1\.0-/);
    expect(before).toBe(onTrial(host)?.digest);
    await copy(host);
    expect(host.readText(`${copies}/${name}/state.db`)).toBe("old state.db");
  });

  it("is made anew when an image is tried again that was given up", async () => {
    const host = await tried();
    await returnFromTrial(host, "k3s did not start");
    await host.sleep(1000);
    powerOn(host);
    await upgrade(host, config, { ...options, place: "/image/2.0-a" }, silent);
    powerOn(host);
    await copy(host);
    expect(host.readText(`${copies}/${datastoreCopies(host)[0]?.name}/state.db`)).toBe("new state.db");
  });

  it("is whole or not there after a power cut, and the next try makes it", async () => {
    const before = async () => {
      const host = await armed();
      powerOn(host);
      return host;
    };
    const cuts = await withEveryCut(before, copy, async (host) => {
      expect(content(host)).toEqual(OLD);
      for (const { name } of datastoreCopies(host))
        expect(host.readText(`${copies}/${name}/state.db-wal`)).toBe("old state.db-wal");
      await copy(host);
      expect(datastoreCopies(host)).toHaveLength(1);
    });
    expect(cuts).toBeGreaterThan(5);
  });

  it("needs room", async () => {
    const host = await armed();
    powerOn(host);
    withLittleRoom(host);
    await expect(copy(host)).rejects.toThrow("there is no room for a copy of the datastore");
    expect(datastoreCopies(host)).toEqual([]);
  });
});

describe("k3os rollback with the datastore", () => {
  const back = async (host: Host) => rollback(host, { restore: (await restorable(host, server)).copy });

  it("puts it back at the boot of the image that wrote it, and keeps what was there", async () => {
    const host = await kept();
    expect(await restorable(host, server)).toMatchObject({ version: "1.0", size: OLD.join("").length });
    expect(await back(host)).toMatchObject({ version: "1.0", needsRestart: true });
    expect(content(host)).toEqual(NEW);
    powerOn(host);
    await restoreDatastore(host);
    expect(content(host)).toEqual(OLD);
    expect(host.stat(`${db}/state.db-shm`)).toBeUndefined();
    expect(host.readText(`${copies}/replaced/state.db`)).toBe("new state.db");
    fill(host, "later");
    await restoreDatastore(host);
    expect(content(host)[0]).toBe("later state.db");
  });

  it("works during a trial, too", async () => {
    const host = await tried();
    expect(await back(host)).toMatchObject({ version: "1.0", needsRestart: true });
    expect(powerOn(host)).toMatchObject({ slot: "a", trial: false });
    await restoreDatastore(host);
    expect(content(host)).toEqual(OLD);
  });

  it("restores nothing under the newer image, and forgets that it was asked", async () => {
    const host = await kept();
    await back(host);
    powerOn(host);
    host.write("/proc/cmdline", "k3os.root=UUID=x:/k3os/system/2.0-0/root.squashfs k3os.slot=b quiet\n");
    await restoreDatastore(host);
    powerOn(host);
    await restoreDatastore(host);
    expect(content(host)).toEqual(NEW);
  });

  it.each([
    ["kept", kept],
    ["on trial", tried],
  ])("leaves the old or the new one after a power cut at any moment of going back, %s", async (_, fresh) => {
    const cuts = await withEveryCut(fresh, back, async (host) => {
      expect(content(host)).toEqual(NEW);
      const boot = powerOn(host);
      await restoreDatastore(host);
      expect(content(host)).toEqual(boot.content === "1.0-a" ? OLD : NEW);
    });
    expect(cuts).toBeGreaterThan(5);
  });

  it("is completed by the next boot after a power cut at any moment of the restore", async () => {
    const asked = async () => {
      const host = await kept();
      await back(host);
      powerOn(host);
      return host;
    };
    let underWay = 0;
    const cuts = await withEveryCut(asked, restoreDatastore, async (host) => {
      if (isRestoring(host)) {
        underWay++;
        // Also if somebody chooses the other image in the menu: there must not be half a datastore.
        host.write("/proc/cmdline", "k3os.root=UUID=x:/k3os/system/2.0-0/root.squashfs k3os.slot=b quiet\n");
      } else expect([OLD, NEW]).toContainEqual(content(host));
      await restoreDatastore(host);
      expect(content(host)).toEqual(OLD);
      expect(isRestoring(host)).toBe(false);
      expect(host.readText(`${copies}/replaced/state.db`)).toBe("new state.db");
    });
    expect(cuts).toBeGreaterThan(12);
    expect(underWay).toBeGreaterThan(5);
  });

  it("leaves the datastore alone if the copy is gone, or cannot be kept", async () => {
    for (const harm of ["gone", "full"]) {
      const host = await kept();
      const { copy: found } = await restorable(host, server);
      await back(host);
      powerOn(host);
      if (harm === "gone") host.remove(`${copies}/${found.name}`);
      const { exec } = host;
      host.exec = async (argv, more) => (harm === "full" && argv[0] === "cp" ? fullDisk : exec(argv, more));
      await expect(restoreDatastore(host)).rejects.toThrow(harm === "gone" ? "is gone" : "No space left");
      expect(content(host)).toEqual(NEW);
      await restoreDatastore(host);
      expect(content(host)).toEqual(NEW);
    }
  });

  it("refuses where no copy belongs to the version before, and where there is no room", async () => {
    const host = await kept();
    withLittleRoom(host);
    await expect(back(host)).rejects.toThrow("there is no room for the datastore beside its copy");
    expect(powerOn(host)).toMatchObject({ slot: "b" });
    host.remove(copies);
    await expect(restorable(host, server)).rejects.toThrow("there is no copy of the datastore that 1.0 has written");
  });

  it("refuses on an agent, with etcd, with a database elsewhere, and without a datastore", async () => {
    const host = await kept();
    expect(whyNotRestorable(host, server)).toBeUndefined();
    expect(whyNotRestorable(host, { ...server, role: "agent" })).toContain("is an agent");
    expect(whyNotRestorable(host, { ...server, args: ["--datastore-endpoint=mysql://a"] })).toContain("elsewhere");
    const environment = { K3S_DATASTORE_ENDPOINT: "mysql://a" };
    expect(whyNotRestorable(host, { ...server, environment })).toContain("elsewhere");
    await expect(restorable(host, { ...server, role: "agent" })).rejects.toMatchObject({
      hint: "Go back without it: sudo k3os rollback",
    });
    host.mkdir(`${db}/etcd`);
    expect(whyNotRestorable(host, server)).toContain("--cluster-reset-restore-path");
    host.remove(db);
    expect(whyNotRestorable(host, server)).toBe("this node has no datastore");
  });
});

/** Makes the state partition nearly full. */
function withLittleRoom(host: MemoryHost): void {
  const { exec } = host;
  const stdout = "Filesystem blocks used free capacity at\n/dev/x 9 1 1000 1% /\n";
  host.exec = async (argv, more) => (argv[0] === "df" ? { status: 0, stdout, stderr: "" } : exec(argv, more));
}

const fullDisk = { status: 1, stdout: "", stderr: "cp: No space left on device" };
