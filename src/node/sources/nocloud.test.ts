import { describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { readNoCloud } from "./nocloud.ts";
import { texts } from "./testing.ts";

describe("readNoCloud", () => {
  it("reads what the volume holds and leaves nothing mounted", async () => {
    const host = memoryHost({
      programs: {
        blkid: (argv) => (argv.at(-1) === "cidata" ? { stdout: "/dev/sr0\n" } : { status: 2 }),
        mount: () => ({}),
        umount: () => ({}),
      },
    });
    const files = {
      "user-data": "hostname: a\n",
      "meta-data": "local-hostname: b\npublic-keys: [k]\n",
      "network-config": "version: 2\n",
    };
    host.mkdir("/run/k3os/cidata");
    for (const [name, content] of Object.entries(files)) host.write(`/run/k3os/cidata/${name}`, content);
    const { "user-data": userdata, ...others } = files;
    expect(texts(await readNoCloud(host))).toEqual({ userdata, ...others });
    expect(host.ran.at(-1)).toEqual(["umount", "/run/k3os/cidata"]);
  });

  it("says so when there is no such volume", async () => {
    expect(await readNoCloud(memoryHost({ programs: { blkid: () => ({ status: 2 }) } }))).toBeUndefined();
  });
});
