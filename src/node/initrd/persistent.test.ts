import { describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { seedPersistent, wipeIfAsked } from "./persistent.ts";

const sysroot = "/sysroot";
const state = "/state";
const data = "/state/k3os/data";

/** A state partition, and an image whose `/var` holds a file. */
function disk(files: Record<string, string> = {}, image = "1") {
  const host = memoryHost({
    files: {
      "/proc/sys/kernel/random/uuid": "some-uuid\n",
      [`${sysroot}/usr/share/k3os/image.json`]: image,
      ...files,
    },
    programs: {
      sync: () => ({}),
      cp: (argv) => {
        const to = `${argv.at(-1)}/var/seed`;
        host.mkdir(`${argv.at(-1)}/var`);
        if (!argv.includes("-n") || host.stat(to) === undefined) host.write(to, `of image ${image}`);
        return {};
      },
    },
  });
  for (const path of [`${sysroot}/usr/local`, `${state}/k3os/system`]) host.mkdir(path);
  return host;
}

async function prepare(host: ReturnType<typeof disk>, wipe?: "factory-reset" | "ephemeral") {
  wipeIfAsked(host, state, wipe);
  await seedPersistent(host, { sysroot, state });
}

describe("what persists", () => {
  it.each([
    ["factory-reset", true],
    ["ephemeral", false],
  ] as const)("is without what the cluster said, after %s: %s", async (wipe, gone) => {
    const layer = `${state}/k3os/system/cluster-b.json`;
    const asked = disk({ [layer]: "{}" });
    await prepare(asked, wipe);
    const flagged = disk({ [layer]: "{}", [`${state}/k3os/system/${wipe}`]: "" });
    await prepare(flagged);
    expect([asked, flagged].map((host) => host.stat(layer) === undefined)).toEqual([gone, gone]);
  });

  it("begins as the image has it, and is there as a whole or not at all", async () => {
    const host = disk({ [`${data}.new/half`]: "of an interrupted boot" });
    await prepare(host);
    expect(host.readText(`${data}/var/seed`)).toBe("of image 1");
    expect(host.stat(`${data}/half`)).toBeUndefined();
    const copied = host.ran.findIndex(([program]) => program === "cp");
    expect(host.ran.slice(copied + 1)).toContainEqual(["sync"]);
  });

  it("is left alone by the next boot, without a program that runs", async () => {
    const host = disk({ [`${data}/image.json`]: "1", [`${data}/var/mine`]: "kept" });
    await prepare(host);
    expect(host.ran).toEqual([]);
    expect(host.readText(`${data}/var/mine`)).toBe("kept");
  });

  it("gets what another image adds, and loses nothing to it", async () => {
    const host = disk({ [`${data}/image.json`]: "1", [`${data}/var/seed`]: "changed by the user" }, "2");
    await prepare(host);
    expect(host.readText(`${data}/var/seed`)).toBe("changed by the user");
    expect(host.readText(`${data}/image.json`)).toBe("2");
  });

  const used = { [`${data}/image.json`]: "1", [`${data}/var/mine`]: "secret" };
  const flag = (name: string) => `${state}/k3os/system/${name}`;
  const gone = (host: ReturnType<typeof disk>) => host.stat(`${data}/var/mine`) === undefined;

  it("is wiped once by the flag factory-reset", async () => {
    const host = disk({ ...used, [flag("factory-reset")]: "" });
    await prepare(host);
    expect(gone(host)).toBe(true);
    expect(host.stat(flag("factory-reset"))).toBeUndefined();
    host.write(`${data}/var/mine`, "new");
    await prepare(host);
    expect(gone(host)).toBe(false);
  });

  it("is wiped at every boot by the flag ephemeral", async () => {
    const host = disk({ ...used, [flag("ephemeral")]: "" });
    for (let boot = 0; boot < 2; boot++) {
      host.write(`${data}/var/mine`, "new");
      host.write("/proc/sys/kernel/random/uuid", `uuid-${boot}\n`);
      await prepare(host);
      expect(gone(host)).toBe(true);
    }
    expect(host.list(`${state}/k3os/discarded`)).toEqual(["uuid-0", "uuid-1"]);
  });

  it("is wiped on the kernel's command line", async () => {
    const host = disk(used);
    await prepare(host, "factory-reset");
    expect(gone(host)).toBe(true);
  });
});
