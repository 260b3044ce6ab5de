import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { buildDisk } from "../../../src/build/index.ts";
import { type DiskOptions, makeRawDisk } from "../../../src/build/media/disk.ts";
import { runRecipe, type Work } from "../../../src/build/steps.ts";
import { openStore } from "../../../src/build/store.ts";
import { STATE } from "../../../src/image/disk.ts";
import { silent } from "../../../src/progress.ts";
import { builtImage, tool } from "../support/image.ts";

const directory = mkdtempSync(join(tmpdir(), "k3os-disk-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Makes a disk in a store of its own: nothing of an earlier one is taken. */
async function makeDisk(name: string, options: DiskOptions): Promise<string> {
  const image = await builtImage();
  const store = openStore(join(directory, name));
  return runRecipe({ store, progress: silent, makers: { disk: "" } }, async (runner) => {
    const run = { name: "raw", title: "Disk", maker: "disk", parts: {} } as const;
    const dir = await runner.run({
      ...run,
      make: (work: Work) => makeRawDisk(work, image, options, join(work.out, "k3os.raw")),
    });
    return join(dir, "k3os.raw");
  });
}

const sha256 = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");

describe("a disk that is built", () => {
  it("has the same bytes whenever it is made", async () => {
    const [first, second] = [await makeDisk("a", {}), await makeDisk("b", {})];
    expect(sha256(first)).toBe(sha256(second));
  });

  it.each([512, 4096] as const)(
    "has a partition table and file systems without fault, with sectors of %i bytes",
    async (sectorSize) => {
      const disk = await makeDisk(`sectors-${sectorSize}`, { sectorSize });
      expect(await tool("sfdisk", "--verify", "--sector-size", `${sectorSize}`, disk)).toContain("No errors detected");
      await tool("e2fsck", "-fn", `${disk}?offset=${STATE.startMiB << 20}`);
    },
  );

  it("is sparse, and only its owner's when there is a config on it", async () => {
    const disk = await makeDisk("config", { config: "k3os: { token: secret }\n" });
    expect(statSync(disk).blocks * 512).toBeLessThan(statSync(disk).size / 3);
    expect(statSync(disk).mode & 0o777).toBe(0o600);
    const state = `${disk}?offset=${STATE.startMiB << 20}`;
    expect(await tool("debugfs", "-R", "cat /k3os/system/config.yaml", state)).toBe("k3os: { token: secret }\n");
    expect(await tool("debugfs", "-R", "stat /k3os/system/config.yaml", state)).toMatch(
      /Mode:\s+0600.*User:\s+0\s+Group:\s+0/s,
    );
  });
});

// One disk in many formats: whatever boots from one boots from all. Virtual disks are larger, with zeros behind the
// content.
describe("a disk for a hypervisor", () => {
  it.each([
    ["qcow2", "qcow2"],
    ["vmdk", "vmdk"],
    ["vhd", "vpc"],
    ["vdi", "vdi"],
  ] as const)("as %s has the content of the raw disk", async (format, driver) => {
    const options = { flavour: "cloud" };
    const [raw, virtual] = [await buildDisk("raw", options), await buildDisk(format, options)];
    const files = [join(raw.dir, "k3os.raw"), join(virtual.dir, `k3os.${format}`)];
    expect(await tool("qemu-img", "compare", "-f", "raw", "-F", driver, ...files)).toMatch(/Images are identical/);
  });
});
