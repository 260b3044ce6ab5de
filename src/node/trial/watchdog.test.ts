import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { K3osError } from "../../errors.ts";
import { type MemoryHost, memoryHost } from "../../host/memory.ts";
import { armWatchdog, takeWatchdog } from "./watchdog.ts";

interface Device {
  readonly name: string;
  readonly timeout?: number;
  readonly state?: "active" | "inactive";
}

function add(host: MemoryHost, { name, timeout = 180, state = "inactive" }: Device): void {
  host.mkdir(`/sys/class/watchdog/${name}`);
  host.write(`/sys/class/watchdog/${name}/timeout`, `${timeout}\n`);
  host.write(`/sys/class/watchdog/${name}/state`, `${state}\n`);
  host.mkdir("/dev");
  host.write(`/dev/${name}`, "");
}

/** A machine with these watchdogs; `drivers` are those that appear when their driver is loaded. */
function machine(present: readonly Device[], drivers: Readonly<Record<string, Device>> = {}): MemoryHost {
  const modprobe = (argv: readonly string[]) => {
    for (const name of argv) if (drivers[name]) add(host, drivers[name]);
    return {};
  };
  const host: MemoryHost = memoryHost({ programs: { modprobe } });
  for (const device of present) add(host, device);
  return host;
}

const softdog = { softdog: { name: "watchdog0" } };

describe("takeWatchdog", () => {
  it.each<[string, MemoryHost, string]>([
    ["a card's that is there", machine([], { ...softdog, i6300esb: { name: "watchdog0" } }), "watchdog0"],
    ["the kernel's own if there is no other", machine([], softdog), "watchdog0"],
    ["the one that runs", machine([{ name: "watchdog0" }, { name: "watchdog1", state: "active" }]), "watchdog1"],
    [
      "the kernel's own instead of one that cannot wait for long",
      machine([], { wdat_wdt: { name: "watchdog0", timeout: 30 }, softdog: { name: "watchdog1" } }),
      "watchdog1",
    ],
  ])("feeds %s, and stops it only when told to", async (_, host, name) => {
    const watchdog = await takeWatchdog(host);
    watchdog.feed();
    watchdog.feed();
    expect(host.readText(`/dev/${name}`)).toBe("..");
    watchdog.disarm();
    expect(host.readText(`/dev/${name}`)).toBe("..V");
  });

  it("loads nothing if a watchdog runs", async () => {
    const host = machine([{ name: "watchdog0", state: "active" }]);
    await takeWatchdog(host);
    expect(host.ran).toEqual([]);
  });

  it("says that there is none, with a way out", async () => {
    const error = await takeWatchdog(machine([])).catch((reason) => reason);
    expect(error).toBeInstanceOf(K3osError);
    expect(error).toMatchObject({ hint: expect.stringContaining("softdog") });
  });
});

describe("armWatchdog", () => {
  it("leaves it running, so never says V", async () => {
    const host = machine([], softdog);
    await armWatchdog(host);
    expect(host.readText("/dev/watchdog0")).toBe("");
  });
});

it("gives every driver the same time, in the initrd and in the root", () => {
  const [root, initrd] = ["os/rootfs", "os/initrd"].map((tree) =>
    readFileSync(new URL(`../../../${tree}/etc/modprobe.d/watchdog.conf`, import.meta.url), "utf8"),
  );
  expect(initrd).toBe(root);
  expect(root?.match(/^options \S+ \w+=180$/gm)).toHaveLength(6);
});
