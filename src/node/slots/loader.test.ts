import { describe, expect, it } from "vitest";
import { biosLoader } from "../../formats/grub-bios.ts";
import type { ExecOptions, Host } from "../../host/host.ts";
import type { MemoryHost } from "../../host/memory.ts";
import { BIOS_BOOT, ESP_MENU, espLoaders, LOADER } from "../../image/disk.ts";
import { BOOT_MENU, diskMenu, menuFinder } from "../../image/grub.ts";
import { isLoaderDue, renewLoader } from "./loader.ts";
import { stageImage } from "./stage.ts";
import { FULL, imageOf, installedDisk, PLACES, powerOn, withEveryCut } from "./testing.ts";
import { armTrial, commitTrial, returnFromTrial } from "./trial.ts";

const { esp } = PLACES;
const MiB = 1 << 20;
const partition = { start: BIOS_BOOT.startMiB * MiB, size: MiB };
const parts = (fill: number) => ({
  bootImg: new Uint8Array(512).fill(fill),
  coreImg: new Uint8Array(1024).fill(fill),
});

/** A disk as this version's installer leaves it, with a loader of some earlier build. */
async function disk(): Promise<MemoryHost> {
  const host = await installedDisk();
  const sectors = new Uint8Array(2 * MiB);
  for (const { offset, bytes } of biosLoader(parts(1), partition)) sectors.set(bytes, offset);
  host.mkdir("/sys/block/vda/queue");
  host.write("/sys/block/vda/queue/logical_block_size", "512\n");
  const put = () => {
    host.write("/dev/vda", sectors);
    host.write("/dev/vda1", sectors.slice(MiB));
  };
  put();
  const { exec } = host;
  host.exec = async (argv, options) => {
    const word = (name: string) => argv.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
    if (argv[0] === "cmp") {
      const [a = "", b = ""] = argv.slice(-2);
      return said(host.stat(b) && host.readText(a) === host.readText(b) ? 0 : 1);
    }
    if (argv[0] === "dd" && word("if") === "/dev/vda") {
      host.write(word("of"), sectors.slice(0, 512));
      return said(0);
    }
    if (argv[0] === "dd" && word("of") === "/dev/vda") {
      sectors.set(inputOf(options), Number(word("seek")) * 512);
      put();
      return said(0);
    }
    return exec(argv, options);
  };
  for (const { path } of espLoaders("amd64")) {
    host.mkdir(`${esp}/EFI/BOOT`);
    host.write(`${esp}${path}`, `loader 1 of ${path}`);
  }
  host.mkdir(`${esp}/EFI/debian`);
  host.write(`${esp}${BOOT_MENU}`, "menu 1");
  host.write(`${esp}${ESP_MENU}`, menuFinder());
  return host;
}

const said = (status: number) => ({ status, stdout: "", stderr: "" });
const inputOf = (options: ExecOptions | undefined) => options?.input as Uint8Array;

/** Starts the machine, and gives its root the loader of the image and its time. */
function start(host: MemoryHost, times: Readonly<Record<string, number>> = { "1.0-a": 1, "2.0-a": 2 }) {
  const boot = powerOn(host);
  const version = boot.content.slice(0, 3);
  host.write("/usr/share/k3os/image.json", JSON.stringify({ version, time: times[boot.content] }));
  host.mkdir(LOADER);
  const fill = version === "2.0" ? 2 : 1;
  host.write(`${LOADER}/boot.img`, parts(fill).bootImg);
  host.write(`${LOADER}/core.img`, parts(fill).coreImg);
  for (const { path, from } of espLoaders("amd64")) host.write(`${LOADER}/${from}`, `loader ${fill} of ${path}`);
  return boot;
}

/** What each part of the loader is of; `undefined` if it is nothing whole. */
function loaders(host: Host): (number | undefined)[] {
  const sectors = host.read("/dev/vda");
  const start = Number(new DataView(sectors.buffer).getBigUint64(0x5c, true)) * 512;
  const core = sectors[start + 600];
  const bios = core === sectors[0x10] && core === sectors[start] ? core : undefined;
  const efi = espLoaders("amd64").map(({ path }) =>
    Number(/^loader (\d) of \S+$/.exec(host.readText(`${esp}${path}`))?.[1]),
  );
  const menu = { "menu 1": 1, [diskMenu("amd64")]: 2 }[host.readText(`${esp}${BOOT_MENU}`)];
  return [bios, ...efi, menu];
}

async function trial(version: string): Promise<MemoryHost> {
  const host = await disk();
  start(host);
  const image = imageOf(host, version);
  const slot = await stageImage(host, PLACES, image, FULL);
  await armTrial(host, esp, { slot, version, digest: image.digest });
  start(host);
  return host;
}

async function kept(): Promise<MemoryHost> {
  const host = await trial("2.0");
  await commitTrial(host);
  return host;
}

describe("the boot loader of a disk", () => {
  it("becomes that of an image when it is kept, and the next boot has nothing to do", async () => {
    const host = await kept();
    expect(await renewLoader(host)).toEqual([
      "core.img",
      ...espLoaders("amd64")
        .map(({ path }) => path)
        .toReversed(),
      BOOT_MENU,
    ]);
    expect(loaders(host)).toEqual([2, 2, 2, 2]);
    start(host);
    expect(isLoaderDue(host)).toBe(false);
  });

  it("stays during a trial and after a return", async () => {
    const host = await trial("2.0");
    expect(await renewLoader(host)).toEqual([]);
    await returnFromTrial(host, "k3s did not start");
    expect(await renewLoader(host)).toEqual([]);
    expect(loaders(host)).toEqual([1, 1, 1, 1]);
  });

  it("is not looked at after an installation", async () => {
    const host = await disk();
    start(host);
    const ran = host.ran.length;
    expect(isLoaderDue(host)).toBe(false);
    expect(await renewLoader(host)).toEqual([]);
    expect(host.ran.length).toBe(ran);
  });

  it("is not replaced by an older one, which may have been revoked", async () => {
    const host = await trial("2.0");
    const older = { "1.0-a": 1, "2.0-a": 0 };
    await commitTrial(host);
    start(host, older);
    expect(await renewLoader(host)).toEqual([]);
    expect(loaders(host)).toEqual([1, 1, 1, 1]);
    start(host, older);
    expect(isLoaderDue(host)).toBe(false);
  });

  it("is left alone in the first sector if that leads elsewhere, or if its sectors are large", async () => {
    for (const size of ["512", "4096"]) {
      const host = await kept();
      host.write("/sys/block/vda/queue/logical_block_size", `${size}\n`);
      if (size === "512") await host.exec(["dd", "of=/dev/vda", "seek=0"], { input: new Uint8Array(0x1b8) });
      const before = host.read("/dev/vda");
      expect(await renewLoader(host)).not.toContain("core.img");
      expect(Buffer.compare(host.read("/dev/vda"), before)).toBe(0);
      expect(loaders(host).slice(1)).toEqual([2, 2, 2]);
    }
  });

  it("is whole after a power cut at any moment, and the next boot completes it", async () => {
    const seen = new Set<string>();
    const cuts = await withEveryCut(kept, renewLoader, async (host) => {
      const left = loaders(host);
      expect(left.every((part) => part === 1 || part === 2)).toBe(true);
      seen.add(left.join(""));
      expect(start(host)).toMatchObject({ slot: "b", content: "2.0-a" });
      await renewLoader(host);
      expect(loaders(host)).toEqual([2, 2, 2, 2]);
      expect(isLoaderDue(host)).toBe(false);
    });
    expect(cuts).toBeGreaterThan(15);
    // BIOS, then GRUB before shim, then the menu.
    expect([...seen]).toEqual(["1111", "2111", "2121", "2221", "2222"]);
  });
});
