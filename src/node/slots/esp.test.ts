import { describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { mendEsp, syncEsp, withEsp } from "./esp.ts";
import { installedDisk, PLACES } from "./testing.ts";

function hostWith(status: () => number, mounts = "") {
  return memoryHost({
    files: { "/proc/mounts": mounts },
    programs: {
      sync: () => ({}),
      "fsck.fat": () => ({ status: status(), stdout: "fsck.fat 4.2\nLogical sector size is zero.\n" }),
    },
  });
}

describe("the ESP", () => {
  it("is on the disk only when a file of it was synced, too: syncfs(2) does not empty the disk's cache", async () => {
    const host = hostWith(() => 0);
    await syncEsp(host, "/esp");
    expect(host.ran).toEqual([
      ["sync", "-f", "/esp"],
      ["sync", "/esp"],
    ]);
  });

  it.each([
    [[0], 1],
    [[1, 0], 2],
    [[1, 1, 1], 3],
  ])("is mended before files are replaced, until fsck.fat is content (%j)", async (statuses, passes) => {
    const left = [...statuses];
    const host = hostWith(() => left.shift() ?? 8);
    await mendEsp(host, "/dev/vda2");
    expect(host.ran).toEqual(Array(passes).fill(["fsck.fat", "-a", "/dev/vda2"]));
  });

  it("is left alone while somebody has it mounted", async () => {
    const host = hostWith(() => 0, "/dev/vda2 /run/k3os/esp-7 vfat rw 0 0\n");
    await mendEsp(host, "/dev/vda2");
    expect(host.ran).toEqual([]);
  });

  it("keeps its files when it cannot be unmounted: nothing is removed where it is mounted", async () => {
    const host = await installedDisk();
    const { exec, remove } = host;
    const removed: string[] = [];
    host.exec = async (argv, options) =>
      argv[0] === "umount" ? { status: 32, stdout: "", stderr: "target is busy" } : exec(argv, options);
    const work = async () => {
      host.remove = (path) => {
        removed.push(path);
        remove(path);
      };
    };
    await expect(withEsp(host, work)).rejects.toThrow("target is busy");
    expect(removed).toEqual([]);
    expect(host.stat(PLACES.esp)?.type).toBe("directory");
  });

  it("is refused with a way out if it cannot be mended", async () => {
    await expect(
      mendEsp(
        hostWith(() => 6),
        "/dev/vda2",
      ),
    ).rejects.toMatchObject({
      message: "the ESP /dev/vda2 cannot be mended: fsck.fat ends with 6: Logical sector size is zero.",
      hint: expect.stringContaining("--no-format"),
    });
  });
});
