import { describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { errorsNoted, mountState, repairMounted } from "./state.ts";

/** A partition that the kernel mounts or refuses, and the exit status of e2fsck. */
function machine({ refusals = 0, errors = "0", e2fsck = 0 }) {
  return memoryHost({
    files: { "/dev/kmsg": "", "/sys/fs/ext4/vda3/errors_count": `${errors}\n` },
    programs: {
      mount: () => ({ status: refusals-- > 0 ? 32 : 0 }),
      umount: () => ({}),
      e2fsck: () => ({ status: e2fsck, stdout: "/dev/vda3: UNEXPECTED INCONSISTENCY\n" }),
    },
  });
}

const programs = (host: ReturnType<typeof machine>) => host.ran.map(([program]) => program);

describe("mountState", () => {
  it("runs nothing but mount on a file system that is well", async () => {
    const host = machine({});
    await mountState(host, "/dev/vda3");
    expect(host.ran).toEqual([["mount", "-t", "ext4", "-o", "noatime", "/dev/vda3", "/run/k3os/state"]]);
  });

  it("repairs what the kernel refuses", async () => {
    const host = machine({ refusals: 1, e2fsck: 1 });
    await mountState(host, "/dev/vda3");
    expect(programs(host)).toEqual(["mount", "e2fsck", "mount"]);
  });

  it("repairs what the kernel found errors in", async () => {
    const host = machine({ errors: "3" });
    await mountState(host, "/dev/vda3");
    expect(errorsNoted(host, "/dev/vda3")).toBe(3);
    await repairMounted(host, "/dev/vda3");
    expect(programs(host)).toEqual(["mount", "umount", "e2fsck", "mount"]);
  });

  it("takes the copy of a superblock that is torn", async () => {
    const host = machine({ refusals: 1 });
    const { exec } = host;
    host.exec = async (argv, options) =>
      argv[0] === "e2fsck" && !argv.includes("32768") ? { status: 8, stdout: "", stderr: "" } : exec(argv, options);
    await mountState(host, "/dev/vda3");
    expect(host.ran.slice(1)).toEqual([
      ["e2fsck", "-p", "-B", "4096", "-b", "32768", "/dev/vda3"],
      ["mount", "-t", "ext4", "-o", "noatime", "/dev/vda3", "/run/k3os/state"],
    ]);
  });

  it("leaves to a person what cannot be repaired safely, and tells how", async () => {
    await expect(mountState(machine({ refusals: 1, e2fsck: 4 }), "/dev/vda3")).rejects.toMatchObject({
      message: expect.stringContaining("UNEXPECTED INCONSISTENCY"),
      hint: expect.stringContaining("e2fsck -y /dev/vda3"),
    });
  });
});
