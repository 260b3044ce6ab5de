import { describe, expect, it } from "vitest";
import type { Host } from "../../host/host.ts";
import { type MemoryHost, memoryHost } from "../../host/memory.ts";
import { IMAGE_FILES } from "../../image/disk.ts";
import type { ImageJson } from "../../image/image-json.ts";
import { silent } from "../../progress.ts";
import type { SourceImage } from "../images/image.ts";
import { cp } from "../testing.ts";
import { copyToSlot, finishCopy } from "./copy.ts";
import { switchTo } from "./switch.ts";

const SYSTEM = "/state/k3os/system";
const FULL = { ifFull: "Make room.", progress: silent };

/** A state partition at /state with some free kilobytes, and an image at /image whose files say `version-build`. */
function machine(version: string, build: string, { freeKb = 1 << 20 } = {}) {
  const content = `${version}-${build}`;
  const files = Object.fromEntries(IMAGE_FILES.map((name) => [`/image/${name}`, content]));
  const removed: string[] = [];
  const host: MemoryHost = memoryHost({
    files: { ...files, "/state/k3os/data/precious": "" },
    programs: {
      df: () => ({
        stdout: `Filesystem blocks used free capacity at\n/dev/x 9 1 ${freeKb + removed.length * 100_000} 1% /\n`,
      }),
      sync: () => ({}),
      sha256sum: ([, ...paths]) => ({ stdout: paths.map((path) => `sum:${host.readText(path)}  ${path}\n`).join("") }),
      cp: ([, ...args]) => cp(host, args),
    },
  });
  const { remove } = host;
  host.remove = (path) => {
    if (host.stat(path)?.type === "directory") removed.push(path);
    remove(path);
  };
  const sums = { sha256: `sum:${content}`, size: content.length };
  const json = {
    version,
    kernel: { release: "6.12", arguments: ["quiet"] },
    files: { vmlinuz: sums, initrd: sums, "root.squashfs": sums },
  } as Partial<ImageJson> as ImageJson;
  return {
    host,
    image: { directory: "/image", json, digest: "sha256:0", size: 3 * content.length } satisfies SourceImage,
  };
}

async function put(host: Host, image: SourceImage): Promise<void> {
  const directory = await copyToSlot(host, "/state", image, FULL);
  await finishCopy(host, "/state", image, directory, silent);
  await switchTo(host, "/state", image.json.version, directory);
}

function addImage(host: Host, version: string, text: string): void {
  host.mkdir(`${SYSTEM}/${version}`);
  for (const name of [...IMAGE_FILES, "boot.cfg"]) host.write(`${SYSTEM}/${version}/${name}`, text);
}

/** The distinct contents of the files in the slot: a single one if the slot is whole and from one build. */
function textsIn(host: Host, slot: string): string[] {
  const directory = `${SYSTEM}/${host.readLink(`${SYSTEM}/${slot}`)}`;
  return [...new Set(IMAGE_FILES.map((name) => host.readText(`${directory}/${name}`)))];
}

describe("an image that is put into a slot", () => {
  it("boots next, with its kernel arguments, and the one before it is kept as previous", async () => {
    const { host, image } = machine("2.0", "a");
    addImage(host, "1.0", "1.0-a");
    host.symlink("1.0", `${SYSTEM}/current`);
    await put(host, image);
    expect(textsIn(host, "current")).toEqual(["2.0-a"]);
    expect(textsIn(host, "previous")).toEqual(["1.0-a"]);
    expect(host.readText(`${SYSTEM}/2.0/boot.cfg`)).toBe('set arguments="quiet"\n');
  });

  it("is the only one on an empty partition", async () => {
    const { host, image } = machine("1.0", "a");
    await put(host, image);
    expect(host.list(SYSTEM)).toEqual(["1.0", "current"]);
  });

  it("replaces another build of its version without a trace", async () => {
    const { host, image } = machine("1.0", "b");
    addImage(host, "1.0", "1.0-a");
    host.symlink("1.0", `${SYSTEM}/current`);
    await put(host, image);
    expect(textsIn(host, "current")).toEqual(["1.0-b"]);
    expect(host.list(SYSTEM)).toEqual(["1.0", "current"]);
  });

  it("is refused if what was written reads back differently", async () => {
    const { host, image } = machine("1.0", "a");
    const directory = await copyToSlot(host, "/state", image, FULL);
    host.write(`/state${directory}/initrd`, "1.0-x");
    await expect(finishCopy(host, "/state", image, directory, silent)).rejects.toMatchObject({
      kind: "integrity",
      hint: expect.stringContaining("dmesg"),
    });
  });
});

describe("room for an image", () => {
  it("is made of images that are in no slot, when there is too little", async () => {
    const { host, image } = machine("3.0", "a", { freeKb: 1000 });
    for (const version of ["0.9", "1.0", "2.0"]) addImage(host, version, version);
    host.symlink("2.0", `${SYSTEM}/current`);
    host.symlink("1.0", `${SYSTEM}/previous`);
    await copyToSlot(host, "/state", image, FULL);
    expect(host.list(SYSTEM)).toEqual(["1.0", "2.0", "3.0", "current", "previous"]);
  });

  it("is not made while there is enough", async () => {
    const { host, image } = machine("3.0", "a");
    addImage(host, "0.9", "0.9");
    await copyToSlot(host, "/state", image, FULL);
    expect(host.list(SYSTEM)).toContain("0.9");
  });

  it("is asked of the user when no image can go", async () => {
    const { host, image } = machine("3.0", "a", { freeKb: 1000 });
    await expect(copyToSlot(host, "/state", image, FULL)).rejects.toMatchObject({
      message: "the state partition has 1 MB left, and the image needs 16.8 MB",
      hint: "Make room.",
    });
  });
});

/** Operations that change a disk; a power cut may come before any of them. */
const CHANGES = ["write", "mkdir", "remove", "symlink", "rename", "exec"] as const;

class PowerCut extends Error {}

/** The same host, which loses power before the `nth` change. */
function cutBefore(host: MemoryHost, nth: number): Host {
  let left = nth;
  const cut: Record<string, unknown> = { ...host };
  for (const name of CHANGES) {
    cut[name] = (...args: unknown[]) => {
      if (left-- === 0) throw new PowerCut();
      return (host[name] as (...args: unknown[]) => unknown)(...args);
    };
  }
  return cut as unknown as Host;
}

describe.each([
  ["a new version", "2.0", ["1.0-a", "2.0-b"]],
  ["another build of the version that runs", "1.0", ["1.0-a", "1.0-b"]],
])("a power cut while %s is put into a slot", (_, version, builds) => {
  it("leaves the old image or the new one whole at every moment, and a second run completes it", async () => {
    let cuts = 0;
    for (let done = false; !done; ) {
      const { host, image } = machine(version, "b");
      addImage(host, "1.0", "1.0-a");
      host.symlink("1.0", `${SYSTEM}/current`);
      try {
        await put(cutBefore(host, cuts), image);
        done = true;
      } catch (error) {
        if (!(error instanceof PowerCut)) throw error;
        cuts++;
        expect(builds).toContainEqual(textsIn(host, "current").join());
        // The second run is also cut off, at every change.
        for (let again = 0; ; again++) {
          const retry = cutBefore(host, again);
          try {
            await put(retry, image);
            break;
          } catch (second) {
            if (!(second instanceof PowerCut)) throw second;
            expect(builds).toContainEqual(textsIn(host, "current").join());
          }
        }
      }
      expect(textsIn(host, "current")).toEqual([`${version}-b`]);
      expect(host.list(SYSTEM).filter((name) => name.endsWith(".new"))).toEqual([]);
    }
    expect(cuts).toBeGreaterThan(10);
  });
});
