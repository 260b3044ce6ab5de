import { describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { readNoCloud } from "./nocloud.ts";

describe("readNoCloud", () => {
  it("copies what the volume holds, for root's eyes only, and leaves nothing mounted", async () => {
    const host = memoryHost({
      programs: {
        blkid: (argv) => (argv[2] === "cidata" ? { stdout: "/dev/sr0\n" } : { status: 2 }),
        mount: () => ({}),
        umount: () => ({}),
      },
    });
    host.mkdir("/run/k3os/cidata");
    host.write("/run/k3os/cidata/user-data", "hostname: a\n");
    host.write("/run/k3os/cidata/meta-data", "local-hostname: b\npublic-keys: [k]\n");
    expect(await readNoCloud(host)).toBe(true);
    expect(host.readText("/run/config/userdata")).toBe("hostname: a\n");
    expect(host.stat("/run/config/userdata")?.mode).toBe(0o600);
    expect(host.readText("/run/config/meta-data")).toBe("local-hostname: b\npublic-keys: [k]\n");
    expect(host.ran.at(-1)).toEqual(["umount", "/run/k3os/cidata"]);
  });

  it("says so when there is no such volume", async () => {
    expect(await readNoCloud(memoryHost({ programs: { blkid: () => ({ status: 2 }) } }))).toBe(false);
  });
});
